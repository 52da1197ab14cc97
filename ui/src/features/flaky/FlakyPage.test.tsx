import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { flakyDetail, flakyMatrix, flakyTest } from "@/test/analysis";
import { answerWith, noServices, page, renderApp, status } from "@/test/app";

const shell = { "/services": noServices, "/status": status(5) };
const summary = { tests: 120, healthy: 117, flaky: 2, broken: 1, dropped_runs: { mass_failure: 1, infrastructure: 2 } };
const tests = { ...page([flakyTest(), flakyTest({ test_id: "c".repeat(32), name: "ships", state: "broken" })]), summary };
const detailPath = `/flaky-tests/${"b".repeat(32)}`;

describe("the flaky radar", () => {
  it("shows tests against runs, and each test's verdict", async () => {
    answerWith({ ...shell, "/flaky-tests": tests, "/flaky-matrix": flakyMatrix() });
    renderApp("/flaky");
    expect(await screen.findByText("120 tests: 2 flaky, 1 broken, 3 runs left out as no evidence")).toBeTruthy();
    expect(await screen.findByRole("img", { name: "reserves stock: 1 failed, then passed, 1 passed" })).toBeTruthy();
    expect(screen.getByRole("link", { name: /left out: too much failed at once/ })).toBeTruthy();
    const row = within(screen.getByText("ships").closest("tr") as HTMLElement);
    expect(row.getByText("broken")).toBeTruthy();
  });

  it("opens the evidence behind a verdict", async () => {
    answerWith({ ...shell, "/flaky-tests": tests, "/flaky-matrix": flakyMatrix(), [detailPath]: flakyDetail() });
    const router = renderApp("/flaky");
    await userEvent.click(await screen.findByTitle("inventory › reserves stock"));
    const panel = within(await screen.findByRole("region", { name: "Test" }));
    expect(await panel.findByText("Failed, then passed in the same run.")).toBeTruthy();
    expect(panel.getByRole("img", { name: /fails in 4.2 % of runs of code that also passes/ })).toBeTruthy();
    expect(panel.getByText("3 of 20 passes since the last flake", { exact: false })).toBeTruthy();
    expect(router.state.location.search).toEqual({ open: "b".repeat(32) });
  });

  it("asks by owner and state", async () => {
    const asked = answerWith({ ...shell, "/flaky-tests": tests, "/flaky-matrix": flakyMatrix() });
    renderApp("/flaky?owner=@acme/stock&state=flaky");
    await screen.findByText("ships");
    for (const path of ["/api/v1/flaky-tests", "/api/v1/flaky-matrix"]) {
      await waitFor(() => expect(asked.find((url) => url.pathname === path)?.searchParams.get("owner")).toBe("@acme/stock"));
      expect(asked.find((url) => url.pathname === path)?.searchParams.get("state")).toBe("flaky");
    }
  });

  it("says that no test was reported, and that one isn't in the range", async () => {
    answerWith({ ...shell, "/flaky-tests": { ...page([]), summary: { ...summary, tests: 0 } }, [detailPath]: { status: 404, body: { title: "Not found" } } });
    renderApp(`/flaky?open=${"b".repeat(32)}`);
    expect(await screen.findByText("No tests in this time")).toBeTruthy();
    expect(await screen.findByText("Not seen in this time")).toBeTruthy();
  });

  it("says that reading isn't permitted", async () => {
    answerWith({ ...shell, "/flaky-tests": { status: 403, body: { title: "Forbidden" } } });
    renderApp("/flaky");
    expect(await screen.findByText("You may not see this")).toBeTruthy();
  });
});
