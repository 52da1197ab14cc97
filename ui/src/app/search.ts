// The URL is the state. Search parameters carry the names of the REST contract, as plain text: no JSON in the address,
// and a commit made of digits stays a string.

import { type DoraMetric, type TestState, testStates } from "@/api/analysis";

export type RawSearch = Record<string, unknown>;

export function parseSearch(text: string): RawSearch {
  const raw: Record<string, string | string[]> = {};
  for (const [key, value] of new URLSearchParams(text)) {
    const before = raw[key];
    raw[key] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return raw;
}

export function stringifySearch(search: RawSearch): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") query.append(key, String(one));
    }
  }
  const text = query.toString().replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%40", "@");
  return text ? `?${text}` : "";
}

/** text is the first non-empty value under any of the keys. */
function text(raw: RawSearch, ...keys: string[]): string | undefined {
  for (const key of keys) {
    const value = Array.isArray(raw[key]) ? raw[key][0] : raw[key];
    if (typeof value === "string" && value !== "") return value;
    if (typeof value === "number" && Number.isFinite(value)) return String(value);
  }
  return undefined;
}

function texts(raw: RawSearch, key: string): string[] | undefined {
  const value = raw[key];
  const all = (Array.isArray(value) ? value : [value]).filter((one) => typeof one === "string" && one !== "");
  return all.length > 0 ? (all as string[]) : undefined;
}

function oneOf<T extends string>(value: string | undefined, allowed: readonly T[]): T | undefined {
  return allowed.find((one) => one === value);
}

/** compactSearch drops absent keys, so that equal states have equal addresses. */
function compactSearch<T extends object>(search: T): T {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as T;
}

export interface RangeSearch {
  from?: string;
  to?: string;
  live?: "1";
}

export function validateRange(raw: RawSearch): RangeSearch {
  return compactSearch({ from: text(raw, "from"), to: text(raw, "to"), live: oneOf(text(raw, "live"), ["1"]) });
}

export interface ErrorsSearch {
  service?: string;
  environment?: string;
  build_run_id?: string;
  commit_sha?: string;
  /** The fingerprint shown in the side panel, and where: the same error may be seen in several services. */
  open?: string;
  open_service?: string;
  open_environment?: string;
}

export function validateErrors(raw: RawSearch): ErrorsSearch {
  return compactSearch({
    service: text(raw, "service"),
    environment: text(raw, "environment"),
    build_run_id: text(raw, "build_run_id", "build"),
    commit_sha: text(raw, "commit_sha", "commit"),
    open: text(raw, "open"),
    open_service: text(raw, "open_service"),
    open_environment: text(raw, "open_environment"),
  });
}

export interface ErrorSearch {
  service?: string;
  environment?: string;
  /** The event_id of the occurrence shown; the newest one without it. */
  event?: string;
}

export function validateError(raw: RawSearch): ErrorSearch {
  return compactSearch({
    service: text(raw, "service"),
    environment: text(raw, "environment"),
    event: text(raw, "event"),
  });
}

export const spanStatuses = ["error", "ok", "unset"] as const;

export interface TracesSearch {
  service?: string;
  name?: string;
  status?: (typeof spanStatuses)[number];
  min_duration_ns?: string;
  attr?: string[];
  environment?: string;
  commit_sha?: string;
  build_run_id?: string;
  deployment_id?: string;
}

export function validateTraces(raw: RawSearch): TracesSearch {
  const min = text(raw, "min_duration_ns");
  return compactSearch({
    service: text(raw, "service"),
    name: text(raw, "name"),
    status: oneOf(text(raw, "status"), spanStatuses),
    min_duration_ns: min && /^\d+$/.test(min) ? min : undefined,
    attr: texts(raw, "attr"),
    environment: text(raw, "environment"),
    commit_sha: text(raw, "commit_sha", "commit"),
    build_run_id: text(raw, "build_run_id", "build"),
    deployment_id: text(raw, "deployment_id", "deployment"),
  });
}

export interface TraceSearch {
  span?: string;
  /** The visible part of the trace, as nanoseconds from its start: "1200-5600". */
  zoom?: string;
  /** Only rows whose name or service holds this text are at full strength. */
  find?: string;
}

export function validateTrace(raw: RawSearch): TraceSearch {
  const zoom = text(raw, "zoom");
  return compactSearch({
    span: text(raw, "span"),
    zoom: zoom && /^\d+-\d+$/.test(zoom) ? zoom : undefined,
    find: text(raw, "find"),
  });
}

export const buildStatuses = [
  "queued",
  "waiting",
  "running",
  "success",
  "failure",
  "cancelled",
  "skipped",
  "timeout",
  "unknown",
] as const;

export interface BuildsSearch {
  repo?: string;
  pipeline?: string;
  branch?: string;
  status?: (typeof buildStatuses)[number];
  commit_sha?: string;
  /** The build id shown in the side panel. */
  open?: string;
}

export function validateBuilds(raw: RawSearch): BuildsSearch {
  return compactSearch({
    repo: text(raw, "repo"),
    pipeline: text(raw, "pipeline"),
    branch: text(raw, "branch"),
    status: oneOf(text(raw, "status"), buildStatuses),
    commit_sha: text(raw, "commit_sha", "commit"),
    open: text(raw, "open"),
  });
}

export const buildViews = ["pipeline", "timeline", "compare"] as const;

export interface BuildSearch {
  /** The task whose steps and message are shown. */
  task?: string;
  /** How the run is shown; the pipeline without it. */
  view?: (typeof buildViews)[number];
  /** The build that it is compared with; the last green one without it. */
  with?: string;
}

export function validateBuild(raw: RawSearch): BuildSearch {
  return compactSearch({ task: text(raw, "task"), view: oneOf(text(raw, "view"), buildViews), with: text(raw, "with") });
}

export interface PipelinesSearch {
  repo?: string;
  branch?: string;
  /** The pipeline shown, as "repository pipeline" of the list. */
  open?: string;
}

export function validatePipelines(raw: RawSearch): PipelinesSearch {
  return compactSearch({ repo: text(raw, "repo"), branch: text(raw, "branch"), open: text(raw, "open") });
}

export interface FlakySearch {
  repo?: string;
  branch?: string;
  owner?: string;
  state?: TestState;
  name?: string;
  /** The test_id shown in the side panel. */
  open?: string;
}

export function validateFlaky(raw: RawSearch): FlakySearch {
  return compactSearch({
    repo: text(raw, "repo"),
    branch: text(raw, "branch"),
    owner: text(raw, "owner"),
    state: oneOf(text(raw, "state"), testStates),
    name: text(raw, "name"),
    open: text(raw, "open"),
  });
}

export const doraMetrics = ["deployment_frequency", "lead_time", "change_fail_rate", "recovery_time", "rework_rate"] as const;

export interface DoraSearch {
  service?: string;
  environment?: string;
  repo?: string;
  /** The metric whose deployments are listed; all of them without it. */
  metric?: DoraMetric;
  /** The deployment whose evidence is shown. */
  open?: string;
}

export function validateDora(raw: RawSearch): DoraSearch {
  return compactSearch({
    service: text(raw, "service"),
    environment: text(raw, "environment"),
    repo: text(raw, "repo"),
    metric: oneOf(text(raw, "metric"), doraMetrics),
    open: text(raw, "open"),
  });
}
