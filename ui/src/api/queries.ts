import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { getJson, type Params } from "./fetcher";
import type {
  BuildDetail,
  BuildRun,
  ErrorDetail,
  ErrorGroup,
  Lineage,
  Page,
  Service,
  Status,
  Trace,
  TraceSummary,
} from "./types";

function listOptions<T>(path: string, params: Params) {
  return infiniteQueryOptions({
    queryKey: [path, params],
    queryFn: ({ pageParam, signal }) => getJson<Page<T>>(path, { ...params, cursor: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
  });
}

export const errorsQuery = (params: Params) => listOptions<ErrorGroup>("/errors", params);
export const tracesQuery = (params: Params) => listOptions<TraceSummary>("/traces", params);
export const buildsQuery = (params: Params) => listOptions<BuildRun>("/builds", params);

function oneOptions<T>(path: string, params: Params = {}) {
  return queryOptions({
    queryKey: [path, params],
    queryFn: ({ signal }) => getJson<T>(path, params, signal),
  });
}

export const errorQuery = (fingerprint: string, params: Params) =>
  oneOptions<ErrorDetail>(`/errors/${encodeURIComponent(fingerprint)}`, params);
export const traceQuery = (traceId: string, params: Params = {}) =>
  oneOptions<Trace>(`/traces/${encodeURIComponent(traceId)}`, params);
export const buildQuery = (id: string) => oneOptions<BuildDetail>(`/builds/${encodeURIComponent(id)}`);
export const servicesQuery = (params: Params) => oneOptions<Page<Service>>("/services", params);
export const statusQuery = () => oneOptions<Status>("/status");

export type LineageSubject = "error" | "trace" | "build" | "deployment" | "commit" | "artifact";
export const lineageQuery = (subject: LineageSubject, id: string, params: Params = {}) =>
  oneOptions<Lineage>("/lineage", { [subject]: id, ...params });
