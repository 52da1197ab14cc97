// The shapes of the analyses of builds, tests and deployments. Durations are nanoseconds; null means unknown.

import type { Basis, Page } from "./types";

export interface BuildRef {
  id: string;
  run_id: string;
  attempt: number;
  pipeline: string;
  name: string;
  branch: string;
  commit_sha: string;
  status: string;
  created_at: string | null;
  finished_at: string | null;
  duration_ns: number;
  url: string;
}

export interface TestRef {
  test_id: string;
  name: string;
  suite: string;
  file: string;
  owner: string;
  status: string;
  message: string;
}

export interface CommitRef {
  sha: string;
  message: string;
  author: string;
  committed_at: string | null;
  url: string;
  files: string[];
  files_known: boolean;
}

export interface Pipeline {
  provider: string;
  host: string;
  repo: string;
  pipeline: string;
  runs: number;
  failed: number;
  success_rate: number | null;
  median_duration_ns: number;
  p90_duration_ns: number;
  last_run: BuildRef;
}

/** Split is where a run's time went; the five parts add up to the whole. */
export interface Split {
  queue_ns: number;
  approval_ns: number;
  execution_ns: number;
  finalizing_ns: number;
  between_ns: number;
  total_ns: number;
}

export interface PipelineStats {
  repo: string;
  pipeline: string;
  branch: string;
  runs: number;
  partial: boolean;
  split: Split;
  median: Split;
  p90: Split;
  trend: {
    time: string;
    runs: number;
    failed: number;
    median_duration_ns: number;
    queue_ns: number;
    approval_ns: number;
    execution_ns: number;
    other_ns: number;
  }[];
  stages: {
    name: string;
    runs: number;
    mean_critical_ns: number;
    critical_share: number;
    p95_run_ns: number;
    mean_queue_ns: number;
    mean_approval_ns: number;
    failures: number;
  }[];
  bottleneck: { stage: string; reason: string } | null;
  runners: { label: string; jobs: number; busy_ns: number; runners_seen: number; utilisation: number | null; mean_queue_ns: number; p90_queue_ns: number }[];
  retry: {
    cost_ns: number;
    share: number;
    attempts: number;
    retried_jobs: number;
    cost_usd: number | null;
    runs: { build: BuildRef; cost_ns: number; reason: string }[];
  };
  flaky_tasks: { name: string; changed: number; reruns: number; commits: string[]; builds: string[] }[];
  stuck: { build: BuildRef; silent_ns: number; limit_ns: number }[];
}

export interface PipelineNode {
  id: string;
  name: string;
  stage_id: string;
  status: string;
  level: number;
  created_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  queue_ns: number;
  approval_ns: number;
  run_ns: number;
  runner: string;
  flaky: boolean;
  retries: number;
  retry_of: string;
  retried_by: string;
  inherited: boolean;
  from_attempt: number;
  critical: boolean;
  slack_ns: number | null;
  url: string;
  span_id: string;
  message: string;
}

export interface PipelineEdge {
  from: string;
  to: string;
  basis: "needs" | "inferred";
  critical: boolean;
}

export interface CriticalSegment {
  kind: "queue" | "approval" | "run" | "gap";
  task_id: string;
  task: string;
  stage: string;
  from: string;
  to: string;
  duration_ns: number;
  gated_by: string;
  reason: string;
}

export interface CriticalPath {
  run_duration_ns: number;
  sum_ns: number;
  exact: boolean;
  queue_ns: number;
  approval_ns: number;
  run_ns: number;
  gap_ns: number;
  segments: CriticalSegment[];
}

export interface BuildAnalysis {
  build: BuildRef;
  live: boolean;
  as_of: string;
  phases: Split;
  stuck: { stuck: boolean; since: string | null; silent_ns: number; limit_ns: number; history_runs: number; reason: string };
  needs: "declared" | "inferred" | "none";
  stages: {
    id: string;
    name: string;
    status: string;
    jobs: number;
    failed_jobs: number;
    level: number;
    queue_ns: number;
    approval_ns: number;
    run_ns: number;
    critical_ns: number;
  }[];
  nodes: PipelineNode[];
  edges: PipelineEdge[];
  critical_path: CriticalPath;
  retry: {
    cost_ns: number;
    billed_ns: number;
    share: number;
    attempts: { build: BuildRef; jobs_run: number; jobs_inherited: number; billed_ns: number }[];
    jobs: { id: string; name: string; attempt: number; billed_ns: number; reason: string }[];
  };
  partial: boolean;
}

export type TaskChange = "broken" | "fixed" | "slower" | "faster" | "same" | "new" | "gone";

export interface BuildCompare {
  build: BuildRef;
  base: BuildRef | null;
  base_reason: string;
  duration_delta_ns: number | null;
  tasks: {
    name: string;
    stage: string;
    change: TaskChange;
    status: string;
    base_status: string;
    run_ns: number | null;
    base_run_ns: number | null;
    delta_ns: number | null;
    task_id: string;
    base_task_id: string;
  }[];
  tests: { newly_failing: TestRef[]; still_failing: TestRef[]; fixed: TestRef[]; new: number; gone: number };
  commits: CommitRef[];
  partial: boolean;
}

export const testStates = ["flaky", "broken", "healthy"] as const;
export type TestState = (typeof testStates)[number];

export interface FlakyTest {
  test_id: string;
  repo: string;
  name: string;
  suite: string;
  file: string;
  owner: string;
  framework: string;
  state: TestState;
  state_since: string | null;
  /** The posterior mean of P(fail | the same code passes), and its 90 % interval. */
  score: number;
  score_low: number;
  score_high: number;
  runs: number;
  failures: number;
  flip_rate: number;
  flakes: number;
  last_flake_at: string | null;
  last_failure_at: string | null;
  last_pass_at: string | null;
  lost_ns: number;
  median_duration_ns: number;
  kinds: { retry: number; rerun: number; isolated: number };
  reason: string;
}

export interface FlakyPage extends Page<FlakyTest> {
  summary: { tests: number; healthy: number; flaky: number; broken: number; dropped_runs: { mass_failure: number; infrastructure: number } };
}

export interface FlakyDetail extends FlakyTest {
  evidence: {
    kind: "retry" | "rerun" | "isolated";
    at: string;
    commit_sha: string;
    branch: string;
    outcomes: string[];
    builds: string[];
    messages: string[];
    counts: boolean;
    text: string;
  }[];
  history: {
    build_id: string;
    attempt: number;
    commit_sha: string;
    branch: string;
    at: string;
    status: string;
    outcomes: string[];
    duration_ns: number;
    message: string;
    error_fp: string;
    used: boolean;
    dropped_reason: string;
  }[];
  recovery: { passes_since: number; passes_needed: number; recovers_at: string | null };
  owners: string[];
}

export interface MatrixRun {
  build_id: string;
  run_id: string;
  attempt: number;
  commit_sha: string;
  branch: string;
  at: string;
  status: string;
  failed_share: number;
  dropped_reason: string;
}

export interface FlakyMatrix {
  runs: MatrixRun[];
  tests: { test_id: string; name: string; suite: string; owner: string; state: TestState; score: number; cells: string }[];
  partial: boolean;
}

export type DoraMetric = "deployment_frequency" | "lead_time" | "change_fail_rate" | "recovery_time" | "rework_rate";

export interface DoraDeployment {
  id: string;
  service: string;
  environment: string;
  status: string;
  commit_sha: string;
  previous_commit_sha: string;
  build_run_id: string;
  finished_at: string | null;
  url: string;
  outcome: "good" | "failed" | "undecided";
  failure_basis: string;
  reason: string;
  evidence: { kind: string; id: string; title: string; at: string | null; url: string }[];
  incidents: string[];
  rework: boolean;
  rework_basis: string;
  lead_times: { sha: string; message: string; author: string; committed_at: string; lead_ns: number; revert: boolean; bot: boolean }[];
  lead_median_ns: number | null;
  recovered_at: string | null;
  recovered_by: string;
  recovery_ns: number | null;
  counts: DoraMetric[];
}

export interface Dora {
  from: string;
  to: string;
  service: string;
  environment: string;
  metrics: {
    deployment_frequency: { per_day: number; deployments: number };
    lead_time: { median_ns: number | null; p90_ns: number | null; commits: number; negative: number };
    change_fail_rate: { rate: number | null; failed: number; decided: number; undecided: number };
    recovery_time: { median_ns: number | null; p90_ns: number | null; recoveries: number; open: number };
    rework_rate: { rate: number | null; rework: number; deployments: number };
  };
  basis: { incident: number; rollback: number; revert: number; hotfix: number; alert: number };
  trend: {
    time: string;
    deployments: number;
    failed: number;
    decided: number;
    undecided: number;
    lead_median_ns: number | null;
    recovery_median_ns: number | null;
    rework: number;
  }[];
  groups: { service: string; environment: string; deployments: number; failed: number; decided: number; rework: number; lead_median_ns: number | null }[];
  deployments: DoraDeployment[];
  partial: boolean;
}

export interface Suspect {
  rank: number;
  commit: CommitRef;
  score: number;
  confidence: "high" | "medium" | "low";
  reasons: { kind: string; weight: number; text: string; files: string[] }[];
}

export interface Blame {
  subject: { kind: "error" | "build"; id: string; title: string; service: string; environment: string };
  first_seen_at: string | null;
  first_build: BuildRef | null;
  first_commit: string;
  basis: Basis;
  window: {
    kind: "deployment" | "build" | "time";
    good: { id: string; commit_sha: string; at: string } | null;
    bad: { id: string; commit_sha: string; at: string } | null;
    reason: string;
    commits: number;
    complete: boolean;
  };
  frames: { module: string; function: string; file: string; line: number; in_app: boolean }[];
  tests: TestRef[];
  suspects: Suspect[];
  build_runs: BuildRef[];
  partial: boolean;
}
