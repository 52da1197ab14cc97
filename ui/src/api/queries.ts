import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { Blame, BuildAnalysis, BuildCompare, Dora, FlakyDetail, FlakyMatrix, FlakyPage, Pipeline, PipelineStats } from "./analysis";
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

export const pipelinesQuery = (params: Params) => oneOptions<Page<Pipeline>>("/pipelines", params);
export const pipelineStatsQuery = (params: Params) => oneOptions<PipelineStats>("/pipelines/stats", params);
export const analysisQuery = (id: string) => oneOptions<BuildAnalysis>(`/builds/${encodeURIComponent(id)}/analysis`);
export const compareQuery = (id: string, params: Params = {}) => oneOptions<BuildCompare>(`/builds/${encodeURIComponent(id)}/compare`, params);
export const flakyTestQuery = (id: string, params: Params) => oneOptions<FlakyDetail>(`/flaky-tests/${encodeURIComponent(id)}`, params);
export const flakyMatrixQuery = (params: Params) => oneOptions<FlakyMatrix>("/flaky-matrix", params);
export const doraQuery = (params: Params) => oneOptions<Dora>("/dora", params);
export const blameQuery = (params: Params) => oneOptions<Blame>("/blame", params);

export const flakyTestsQuery = (params: Params) =>
  infiniteQueryOptions({
    queryKey: ["/flaky-tests", params],
    queryFn: ({ pageParam, signal }) => getJson<FlakyPage>("/flaky-tests", { ...params, cursor: pageParam }, signal),
    initialPageParam: "",
    getNextPageParam: (last: FlakyPage) => last.next || undefined,
  });
