// Answers of the analyses as the contract has them, for tests.

import type { Blame, BuildAnalysis, BuildCompare, BuildRef, Dora, DoraDeployment, FlakyDetail, FlakyMatrix, FlakyTest, Pipeline, PipelineNode, PipelineStats, Split } from "@/api/analysis";

const sha = "2f05d4b689d270cafb02285f35f44866f7dc8a2d";

export function buildRef(change: Partial<BuildRef> = {}): BuildRef {
  return {
    id: "github:github.com:acme/shop:4711:1",
    run_id: "4711",
    attempt: 1,
    pipeline: "CI",
    name: "Add discounts",
    branch: "main",
    commit_sha: sha,
    status: "success",
    created_at: "2026-05-01T10:00:00Z",
    finished_at: "2026-05-01T10:06:00Z",
    duration_ns: 360e9,
    url: "",
    ...change,
  };
}

const split: Split = { queue_ns: 20e9, approval_ns: 40e9, execution_ns: 280e9, finalizing_ns: 5e9, between_ns: 15e9, total_ns: 360e9 };

export function pipeline(change: Partial<Pipeline> = {}): Pipeline {
  return {
    provider: "github",
    host: "github.com",
    repo: "acme/shop",
    pipeline: "CI",
    runs: 40,
    failed: 4,
    success_rate: 0.9,
    median_duration_ns: 360e9,
    p90_duration_ns: 600e9,
    last_run: buildRef(),
    ...change,
  };
}

export function pipelineStats(): PipelineStats {
  return {
    repo: "acme/shop",
    pipeline: "CI",
    branch: "",
    runs: 40,
    partial: false,
    split,
    median: split,
    p90: split,
    trend: [],
    stages: [{ name: "test", runs: 40, mean_critical_ns: 200e9, critical_share: 0.6, p95_run_ns: 300e9, mean_queue_ns: 5e9, mean_approval_ns: 0, failures: 3 }],
    bottleneck: { stage: "test", reason: "It sets 60 % of the length of a run." },
    runners: [{ label: "ubuntu-latest", jobs: 120, busy_ns: 4e12, runners_seen: 6, utilisation: 0.31, mean_queue_ns: 9e9, p90_queue_ns: 20e9 }],
    retry: { cost_ns: 900e9, share: 0.05, attempts: 2, retried_jobs: 1, cost_usd: null, runs: [{ build: buildRef(), cost_ns: 900e9, reason: "attempt" }] },
    flaky_tasks: [],
    stuck: [],
  };
}

export function node(change: Partial<PipelineNode> = {}): PipelineNode {
  return {
    id: "1",
    name: "build",
    stage_id: "jobs",
    status: "success",
    level: 0,
    created_at: "2026-05-01T10:00:00Z",
    started_at: "2026-05-01T10:00:20Z",
    finished_at: "2026-05-01T10:02:00Z",
    queue_ns: 20e9,
    approval_ns: 0,
    run_ns: 100e9,
    runner: "ubuntu-latest",
    flaky: false,
    retries: 0,
    retry_of: "",
    retried_by: "",
    inherited: false,
    from_attempt: 1,
    critical: true,
    slack_ns: 0,
    url: "",
    span_id: "",
    message: "",
    ...change,
  };
}

export function analysis(change: Partial<BuildAnalysis> = {}): BuildAnalysis {
  return {
    build: buildRef(),
    live: false,
    as_of: "2026-05-01T11:00:00Z",
    phases: split,
    stuck: { stuck: false, since: null, silent_ns: 0, limit_ns: 900e9, history_runs: 40, reason: "" },
    needs: "declared",
    stages: [{ id: "jobs", name: "jobs", status: "success", jobs: 2, failed_jobs: 0, level: 0, queue_ns: 20e9, approval_ns: 0, run_ns: 100e9, critical_ns: 120e9 }],
    nodes: [node(), node({ id: "2", name: "test", level: 1, critical: false, slack_ns: 30e9 })],
    edges: [{ from: "1", to: "2", basis: "needs", critical: false }],
    critical_path: {
      run_duration_ns: 360e9,
      sum_ns: 360e9,
      exact: true,
      queue_ns: 20e9,
      approval_ns: 0,
      run_ns: 340e9,
      gap_ns: 0,
      segments: [
        { kind: "queue", task_id: "1", task: "build", stage: "jobs", from: "a", to: "b", duration_ns: 20e9, gated_by: "", reason: "waited for a runner" },
        { kind: "run", task_id: "1", task: "build", stage: "jobs", from: "b", to: "c", duration_ns: 340e9, gated_by: "", reason: "ran" },
      ],
    },
    retry: { cost_ns: 0, billed_ns: 200e9, share: 0, attempts: [], jobs: [] },
    partial: false,
    ...change,
  };
}

export function compare(change: Partial<BuildCompare> = {}): BuildCompare {
  return {
    build: buildRef(),
    base: buildRef({ id: "github:github.com:acme/shop:4700:1" }),
    base_reason: "The last green run on main.",
    duration_delta_ns: 60e9,
    tasks: [
      { name: "test", stage: "jobs", change: "broken", status: "failure", base_status: "success", run_ns: 160e9, base_run_ns: 100e9, delta_ns: 60e9, task_id: "2", base_task_id: "2" },
    ],
    tests: {
      newly_failing: [{ test_id: "a".repeat(32), name: "applies discounts", suite: "pricing", file: "pricing_test.go", owner: "@acme/pay", status: "failure", message: "want 90, got 100" }],
      still_failing: [],
      fixed: [],
      new: 0,
      gone: 0,
    },
    commits: [{ sha, message: "Add discounts", author: "ada", committed_at: null, url: "", files: ["pricing.go"], files_known: true }],
    partial: false,
    ...change,
  };
}

export function flakyTest(change: Partial<FlakyTest> = {}): FlakyTest {
  return {
    test_id: "b".repeat(32),
    repo: "acme/shop",
    name: "reserves stock",
    suite: "inventory",
    file: "inventory_test.go",
    owner: "@acme/stock",
    framework: "gotest",
    state: "flaky",
    state_since: "2026-05-01T10:00:00Z",
    score: 0.042,
    score_low: 0.02,
    score_high: 0.08,
    runs: 200,
    failures: 9,
    flip_rate: 0.05,
    flakes: 7,
    last_flake_at: "2026-05-01T10:00:00Z",
    last_failure_at: null,
    last_pass_at: null,
    lost_ns: 90e9,
    median_duration_ns: 2e9,
    kinds: { retry: 6, rerun: 1, isolated: 0 },
    reason: "Failed and passed on one commit 7 times.",
    ...change,
  };
}

export function flakyDetail(): FlakyDetail {
  return {
    ...flakyTest(),
    evidence: [
      {
        kind: "retry",
        at: "2026-05-01T10:00:00Z",
        commit_sha: sha,
        branch: "main",
        outcomes: ["fail", "pass"],
        builds: ["github:github.com:acme/shop:4711:1"],
        messages: ["timeout after 5s"],
        counts: true,
        text: "Failed, then passed in the same run.",
      },
    ],
    history: [
      {
        build_id: "github:github.com:acme/shop:4711:1",
        attempt: 1,
        commit_sha: sha,
        branch: "main",
        at: "2026-05-01T10:00:00Z",
        status: "flaky",
        outcomes: ["fail", "pass"],
        duration_ns: 2e9,
        message: "timeout after 5s",
        error_fp: "",
        used: true,
        dropped_reason: "",
      },
    ],
    recovery: { passes_since: 3, passes_needed: 20, recovers_at: null },
    owners: ["@acme/stock"],
  };
}

export function flakyMatrix(): FlakyMatrix {
  const run = { run_id: "4711", attempt: 1, commit_sha: sha, branch: "main", at: "2026-05-01T10:00:00Z", status: "success", failed_share: 0, dropped_reason: "" };
  return {
    runs: [
      { ...run, build_id: "github:github.com:acme/shop:4710:1" },
      { ...run, build_id: "github:github.com:acme/shop:4711:1", failed_share: 0.4, dropped_reason: "mass_failure" },
    ],
    tests: [{ test_id: "b".repeat(32), name: "reserves stock", suite: "inventory", owner: "@acme/stock", state: "flaky", score: 0.042, cells: "Fp" }],
    partial: false,
  };
}

export function deployment(change: Partial<DoraDeployment> = {}): DoraDeployment {
  return {
    id: "github:github.com:acme/shop:77",
    service: "pricing",
    environment: "production",
    status: "success",
    commit_sha: sha,
    previous_commit_sha: "",
    build_run_id: "github:github.com:acme/shop:4711:1",
    finished_at: "2026-05-01T10:00:00Z",
    url: "",
    outcome: "good",
    failure_basis: "",
    reason: "Nothing spoke against it for a day.",
    evidence: [],
    incidents: [],
    rework: false,
    rework_basis: "",
    lead_times: [],
    lead_median_ns: 7200e9,
    recovered_at: null,
    recovered_by: "",
    recovery_ns: null,
    counts: ["deployment_frequency", "lead_time", "change_fail_rate", "rework_rate"],
    ...change,
  };
}

export function dora(change: Partial<Dora> = {}): Dora {
  return {
    from: "2026-04-01T00:00:00Z",
    to: "2026-05-01T00:00:00Z",
    service: "",
    environment: "",
    metrics: {
      deployment_frequency: { per_day: 2, deployments: 60 },
      lead_time: { median_ns: 7200e9, p90_ns: 9000e9, commits: 80, negative: 0 },
      change_fail_rate: { rate: 0.25, failed: 1, decided: 4, undecided: 2 },
      recovery_time: { median_ns: 1800e9, p90_ns: 1800e9, recoveries: 1, open: 0 },
      rework_rate: { rate: 0.05, rework: 3, deployments: 60 },
    },
    basis: { incident: 1, rollback: 0, revert: 0, hotfix: 0, alert: 0 },
    trend: [
      { time: "2026-04-01T00:00:00Z", deployments: 2, failed: 1, decided: 2, undecided: 0, lead_median_ns: 1e9, recovery_median_ns: null, rework: 0 },
      { time: "2026-04-02T00:00:00Z", deployments: 3, failed: 0, decided: 0, undecided: 3, lead_median_ns: 2e9, recovery_median_ns: null, rework: 1 },
    ],
    groups: [],
    deployments: [
      deployment(),
      deployment({
        id: "github:github.com:acme/shop:78",
        outcome: "failed",
        failure_basis: "incident",
        reason: "Incident INC-1 names it.",
        evidence: [{ kind: "incident", id: "INC-1", title: "Checkout is down", at: "2026-05-01T11:00:00Z", url: "" }],
        recovery_ns: 1800e9,
        recovered_by: "github:github.com:acme/shop:79",
        counts: ["deployment_frequency", "change_fail_rate", "recovery_time"],
      }),
    ],
    partial: false,
    ...change,
  };
}

export function blame(change: Partial<Blame> = {}): Blame {
  return {
    subject: { kind: "error", id: "v1:0", title: "KeyError", service: "pricing", environment: "production" },
    first_seen_at: "2026-05-01T10:00:00Z",
    first_build: buildRef(),
    first_commit: sha,
    basis: "digest",
    window: {
      kind: "deployment",
      good: { id: "a", commit_sha: "1".repeat(40), at: "2026-04-30T10:00:00Z" },
      bad: { id: "b", commit_sha: sha, at: "2026-05-01T09:00:00Z" },
      reason: "From the deployment before to the one that has the error.",
      commits: 2,
      complete: true,
    },
    frames: [{ module: "pricing", function: "apply", file: "src/pricing/apply.py", line: 12, in_app: true }],
    tests: [],
    suspects: [
      {
        rank: 1,
        commit: { sha, message: "Add discounts\n\nlong", author: "ada", committed_at: "2026-05-01T08:00:00Z", url: "", files: ["README.md", "pricing/apply.py"], files_known: true },
        score: 0.82,
        confidence: "high",
        reasons: [{ kind: "frame_file", weight: 0.7, text: "It changed pricing/apply.py, which is in the stack.", files: ["pricing/apply.py"] }],
      },
    ],
    build_runs: [],
    partial: false,
    ...change,
  };
}
