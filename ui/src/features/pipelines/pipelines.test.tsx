import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { analysis, compare, node, pipeline, pipelineStats } from "@/test/analysis";
import { answerWith, noServices, page, renderApp, status } from "@/test/app";
import { delta } from "./Compare";

const shell = { "/services": noServices, "/status": status(5) };

describe("the pipelines", () => {
  it("show how often they are green and how long they take", async () => {
    const asked = answerWith({ ...shell, "/pipelines": page([pipeline()]), "/pipelines/stats": pipelineStats() });
    renderApp("/pipelines");
    const row = within((await screen.findByText("CI")).closest("tr") as HTMLElement);
    expect(row.getByText("90 %")).toBeTruthy();
    expect(asked.find((url) => url.pathname === "/api/v1/pipelines")?.searchParams.get("from")).toBe("now-720h");
    await userEvent.click(row.getByText("CI"));
    const panel = within(await screen.findByRole("region", { name: "Pipeline" }));
    expect(await panel.findByText("It sets 60 % of the length of a run.")).toBeTruthy();
    expect(panel.getByText("31 %")).toBeTruthy();
    expect(panel.getByRole("img", { name: /A median run: queued 20.0 s, waited for approval 40.0 s/ })).toBeTruthy();
  });

  it("say that there are none and that they may not be seen", async () => {
    answerWith({ ...shell, "/pipelines": page([]) });
    renderApp("/pipelines");
    expect(await screen.findByText("No pipelines in this time")).toBeTruthy();
    answerWith({ ...shell, "/pipelines": { status: 403, body: { title: "Forbidden" } } });
    renderApp("/pipelines");
    expect(await screen.findByText("You may not see this")).toBeTruthy();
  });
});

const build = {
  id: "github:github.com:acme/shop:4711:1",
  provider: "github",
  host: "github.com",
  repo: "acme/shop",
  run_id: "4711",
  attempt: 1,
  pipeline: "CI",
  name: "Add discounts",
  branch: "main",
  commit_sha: "2f05d4b689d270cafb02285f35f44866f7dc8a2d",
  trigger: "push",
  status: "success",
  created_at: "2026-05-01T10:00:00Z",
  started_at: "2026-05-01T10:00:20Z",
  finished_at: "2026-05-01T10:06:00Z",
  queued_ns: 20e9,
  approval_ns: 0,
  duration_ns: 340e9,
  url: "",
  trace_id: "",
  tasks: [],
  tests: { total: 0, failed: 0, flaky: 0 },
  artifacts: [],
  deployments: [],
  errors: [],
  commit: { sha: "", repo: "acme/shop", message: "Add discounts", author: "ada", url: "" },
  attempts: [],
};
const buildPath = `/builds/${encodeURIComponent(build.id)}`;
const answers = { ...shell, [buildPath]: build, "/lineage": { subject: { kind: "build", id: build.id }, hops: [], partial: false } };

describe("a run's explorer", () => {
  it("shows jobs, what sets the length, and a job that is chosen", async () => {
    answerWith({ ...answers, [`${buildPath}/analysis`]: analysis() });
    const router = renderApp("/builds/github:github.com:acme%2Fshop:4711:1");
    const graph = within(await screen.findByRole("region", { name: "Graph of jobs" }));
    expect(graph.getByTitle(/test: .*could take 30.0 s longer/)).toBeTruthy();
    await userEvent.click(graph.getByTitle(/^build:/));
    await waitFor(() => expect(router.state.location.search).toEqual({ task: "1" }));
    expect(await screen.findByText("on ubuntu-latest")).toBeTruthy();
    expect(screen.getByText(/6m 00s of the run's 6m 00s/)).toBeTruthy();
  });

  it("tells a run that is stuck, and jobs kept from an earlier attempt", async () => {
    const stuck = { stuck: true, since: null, silent_ns: 4e12, limit_ns: 9e11, history_runs: 40, reason: "Silent for an hour; none took longer than 15 minutes." };
    answerWith({ ...answers, [`${buildPath}/analysis`]: analysis({ stuck, nodes: [node({ inherited: true, from_attempt: 1 })], edges: [] }) });
    renderApp("/builds/github:github.com:acme%2Fshop:4711:1");
    expect(await screen.findByText(/Silent for an hour/)).toBeTruthy();
    expect(screen.getByRole("img", { name: "kept from attempt 1" })).toBeTruthy();
  });

  it("says so where nothing is known or reading failed", async () => {
    answerWith({ ...answers, [`${buildPath}/analysis`]: { status: 404, body: { title: "Not found" } } });
    renderApp("/builds/github:github.com:acme%2Fshop:4711:1");
    expect(await screen.findByText("Nothing to analyse yet")).toBeTruthy();
  });

  it("shows its shape while the analysis is on its way", async () => {
    answerWith(answers);
    const before = globalThis.fetch;
    vi.stubGlobal("fetch", (input: string, init?: RequestInit) => (String(input).includes("/analysis") ? new Promise(() => {}) : before(input, init)));
    renderApp("/builds/github:github.com:acme%2Fshop:4711:1");
    expect(await screen.findByRole("status", { name: "Loading" })).toBeTruthy();
  });
});

describe("the comparison", () => {
  it("lists what broke, the tests that began to fail, and the commits", async () => {
    answerWith({ ...answers, [`${buildPath}/analysis`]: analysis(), [`${buildPath}/compare`]: compare() });
    const router = renderApp("/builds/github:github.com:acme%2Fshop:4711:1");
    await userEvent.click(await screen.findByRole("button", { name: "Compare with last green" }));
    expect(await screen.findByText("broken")).toBeTruthy();
    expect(router.state.location.search).toEqual({ view: "compare" });
    expect(screen.getByText("want 90, got 100")).toBeTruthy();
    expect(screen.getAllByText("+1m 00s").length).toBeGreaterThan(0);
  });

  it("says why there is nothing to compare with", async () => {
    answerWith({ ...answers, [`${buildPath}/compare`]: compare({ base: null, base_reason: "No run of this pipeline was ever green." }) });
    renderApp("/builds/github:github.com:acme%2Fshop:4711:1?view=compare");
    expect(await screen.findByText("No run of this pipeline was ever green.")).toBeTruthy();
  });

  it("writes differences with their sign", () => {
    expect([delta(null), delta(0), delta(2e9), delta(-2e9)]).toEqual(["–", "±0", "+2.00 s", "−2.00 s"]);
  });
});
