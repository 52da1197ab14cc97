// The shapes of the REST contract under /api/v1. Times are RFC 3339 strings with nanoseconds, null when absent;
// an empty string means "unknown".

export type Basis = "none" | "digest" | "revision" | "version" | "time";

export interface Correlation {
  commit_sha: string;
  build_run_id: string;
  deployment_id: string;
  basis: Basis;
}

export interface Page<T> {
  items: T[];
  next: string | null;
  partial: boolean;
  sampled: boolean;
}

export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  field?: string;
  allowed?: string[];
}

export type TypedValue =
  | { type: "string"; value: string }
  | { type: "int"; value: string | number }
  | { type: "double"; value: number | string }
  | { type: "bool"; value: boolean }
  | { type: "bytes"; value: string }
  | { type: "array"; value: TypedValue[] }
  | { type: "kvlist"; value: Record<string, TypedValue> }
  | { type: "empty"; value?: null };

export type Attributes = Record<string, TypedValue>;

export interface TraceSummary {
  trace_id: string;
  root_service: string;
  root_name: string;
  start: string;
  duration_ns: number;
  spans: number;
  errors: number;
  services: string[];
  matched_spans: number;
  correlation: Correlation;
}

export interface SpanEvent {
  time: string;
  name: string;
  attributes: Attributes;
  fingerprint: string;
}

export interface SpanLink {
  trace_id: string;
  span_id: string;
  attributes: Attributes;
}

export interface Span {
  span_id: string;
  parent_span_id: string;
  service: string;
  name: string;
  kind: string;
  start: string;
  duration_ns: number;
  status: { code: "unset" | "ok" | "error"; message: string };
  attributes: Attributes;
  resource: Attributes;
  scope: { name: string; version: string };
  events: SpanEvent[];
  links: SpanLink[];
  correlation: Correlation;
  error_fingerprint: string;
}

export interface Trace {
  trace_id: string;
  from: string;
  to: string;
  spans: Span[];
  partial: boolean;
}

export interface ErrorGroup {
  fingerprint: string;
  type: string;
  title: string;
  culprit: string;
  service: string;
  environment: string;
  events: number;
  users: number;
  first_seen: string;
  last_seen: string;
  first_commit: string;
  first_build: string;
  last_commit: string;
  last_build: string;
  versions: string[];
  trend: { time: string; events: number }[];
  sample_trace_id: string;
  correlation: Correlation;
}

export interface Frame {
  module: string;
  function: string;
  file: string;
  line: number;
  col: number;
  in_app: boolean;
}

export interface Occurrence {
  event_id: string;
  timestamp: string;
  type: string;
  message: string;
  service: string;
  environment: string;
  service_version: string;
  trace_id: string;
  span_id: string;
  level: string;
  handled: boolean;
  source: string;
  correlation: Correlation;
  frames: Frame[];
  raw_stack: string;
}

export interface ErrorDetail extends ErrorGroup {
  occurrences: Occurrence[];
  builds: { build_run_id: string; commit_sha: string; events: number }[];
}

export type BuildStatus =
  | "queued"
  | "waiting"
  | "running"
  | "success"
  | "failure"
  | "cancelled"
  | "skipped"
  | "timeout"
  | "unknown";

export interface BuildRun {
  id: string;
  provider: string;
  host: string;
  repo: string;
  run_id: string;
  attempt: number;
  pipeline: string;
  name: string;
  branch: string;
  commit_sha: string;
  trigger: string;
  status: BuildStatus;
  created_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  queued_ns: number;
  approval_ns: number;
  duration_ns: number;
  url: string;
  trace_id: string;
  tasks: number;
  failed_tasks: number;
}

export interface BuildTask {
  id: string;
  parent_id: string;
  name: string;
  kind: "job" | "step";
  status: BuildStatus;
  created_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  queued_ns: number;
  duration_ns: number;
  runner: string;
  flaky: boolean;
  retries: number;
  url: string;
  span_id: string;
  message: string;
}

export interface Deployment {
  id: string;
  environment: string;
  status: string;
  service: string;
  started_at: string | null;
  finished_at: string | null;
  url: string;
  basis: Basis;
}

export interface BuildDetail extends Omit<BuildRun, "tasks"> {
  tasks: BuildTask[];
  tests: { total: number; failed: number; flaky: number };
  artifacts: { id: string; name: string; digest: string; created_at: string | null }[];
  deployments: Deployment[];
  errors: { fingerprint: string; title: string; events: number; service: string; environment: string }[];
  commit: { sha: string; repo: string; message: string; author: string; url: string };
  attempts: string[];
}

export type HopKind = "commit" | "build" | "tests" | "artifact" | "deploy" | "traces" | "errors" | "sessions";

export interface Hop {
  kind: HopKind;
  state: "known" | "unknown" | "none";
  id: string;
  title: string;
  detail: string;
  status: "ok" | "failed" | "running" | "unknown";
  at: string | null;
  href: string;
  basis: Basis;
  evidence: string;
  count: number;
}

export interface Lineage {
  subject: { kind: string; id: string };
  hops: Hop[];
  partial: boolean;
}

export interface Service {
  service: string;
  environment: string;
  spans: number;
  errors: number;
  last_seen: string;
}

export type Signal = "traces" | "logs" | "metrics" | "builds" | "deployments" | "errors";

export interface Status {
  version: string;
  tenant: string;
  ready: boolean;
  store: { kind: "embedded" | "server"; version: string; detail: string };
  signals: { signal: Signal; items: number; last_at: string | null }[];
}
