import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { answerWith, errorGroup, noServices, page, renderApp, status } from "@/test/app";

const second = errorGroup({ fingerprint: "v1:ffffffffffffffffffffffffffffffff", type: "OpError", title: "refused", first_commit: "", first_build: "" });
const shell = { "/services": noServices, "/status": status(5) };

describe("the error list", () => {
  it("shows its shape while loading", async () => {
    vi.stubGlobal("fetch", () => new Promise(() => {}));
    renderApp("/errors");
    expect(await screen.findByRole("status", { name: "Loading" })).toBeTruthy();
  });

  it("shows groups with their trend, numbers and origin", async () => {
    answerWith({ ...shell, "/errors": page([errorGroup(), second]) });
    renderApp("/errors");
    const row = within((await screen.findByText("KeyError")).closest("tr") as HTMLElement);
    expect(row.getByRole("img").getAttribute("aria-label")).toContain("96 events in 2 steps");
    expect(row.getByText("96")).toBeTruthy();
    expect(row.getByTitle(/^Commit 2f05d4b/).getAttribute("href")).toContain("/builds?commit_sha=2f05d4b");
    expect(row.getByTitle(/^Build/).getAttribute("href")).toBe("/builds/github:github.com:acme%2Fshop:4711:1");
    expect(within(screen.getByText("OpError").closest("tr") as HTMLElement).getByText("not known")).toBeTruthy();
  });

  it("asks for what the address says", async () => {
    const asked = answerWith({ ...shell, "/errors": page([errorGroup()]) });
    renderApp("/errors?service=pricing&build=b:1&from=now-7d");
    await screen.findByText("KeyError");
    const query = asked.find((url) => url.pathname === "/api/v1/errors")?.searchParams;
    expect(Object.fromEntries(query ?? [])).toEqual({ service: "pricing", build_run_id: "b:1", from: "now-168h", to: "now" });
  });

  it("writes a filter to the address and keeps the range", async () => {
    answerWith({ ...shell, "/errors": page([errorGroup()]) });
    const router = renderApp("/errors?from=now-1h");
    await screen.findByText("KeyError");
    await userEvent.type(screen.getByLabelText("environment"), "staging{Enter}");
    await waitFor(() => expect(router.state.location.search).toEqual({ from: "now-1h", environment: "staging" }));
  });

  it("says that the filter is narrow and offers to clear it", async () => {
    answerWith({ ...shell, "/errors": (params: URLSearchParams) => page(params.get("service") ? [] : [errorGroup()]) });
    const router = renderApp("/errors?service=nobody");
    expect(await screen.findByText("No errors match these filters")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Clear filters" }));
    expect(await screen.findByText("KeyError")).toBeTruthy();
    expect(router.state.location.search).toEqual({});
  });

  it("says that the range is empty and offers a wider one", async () => {
    answerWith({ ...shell, "/errors": page([]) });
    const router = renderApp("/errors");
    expect(await screen.findByText("No errors in this time")).toBeTruthy();
    expect(screen.getByText(/5 errors arrived in the last 24 hours/)).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Look at the last 7 days" }));
    await waitFor(() => expect(router.state.location.search).toEqual({ from: "now-7d" }));
  });

  it("waits for the first data with something to paste", async () => {
    answerWith({ ...shell, "/status": status(0), "/errors": page([]) });
    renderApp("/errors");
    expect(await screen.findByText("Waiting for your first data")).toBeTruthy();
    expect(screen.getByText(/OTEL_EXPORTER_OTLP_ENDPOINT/)).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: /First build/ }));
    expect(screen.getByText(/v1\/ci\/github/)).toBeTruthy();
  });

  it("repeats what the server says is wrong and tries again", async () => {
    let healthy = false;
    const problem = { status: 422, body: { title: "Bad parameter", detail: "from is after to", field: "from", allowed: ["RFC 3339", "now-1h"] } };
    answerWith({ ...shell, "/errors": () => (healthy ? page([errorGroup()]) : problem) });
    renderApp("/errors");
    const alert = within(await screen.findByRole("alert"));
    expect(alert.getByText("from is after to")).toBeTruthy();
    expect(alert.getByText("RFC 3339, now-1h")).toBeTruthy();
    healthy = true;
    await userEvent.click(alert.getByRole("button", { name: "Try again" }));
    expect(await screen.findByText("KeyError")).toBeTruthy();
  });

  it("says that reading isn't permitted and doesn't offer to try again", async () => {
    answerWith({ ...shell, "/errors": { status: 403, body: { title: "Forbidden", detail: "viewer may not read this tenant" } } });
    renderApp("/errors");
    const alert = within(await screen.findByRole("alert"));
    expect(alert.getByText("You may not see this")).toBeTruthy();
    expect(alert.getByText("viewer may not read this tenant")).toBeTruthy();
    expect(alert.queryByRole("button")).toBeNull();
  });

  it("marks answers that aren't the whole", async () => {
    answerWith({ ...shell, "/errors": page([errorGroup()], { partial: true, sampled: true }) });
    renderApp("/errors");
    expect(await screen.findByText("partial")).toBeTruthy();
    expect(screen.getByText("≈ sampled")).toBeTruthy();
  });

  it("reads on where the page ended", async () => {
    answerWith({ ...shell, "/errors": (params: URLSearchParams) => (params.get("cursor") === "n" ? page([second]) : page([errorGroup()], { next: "n" })) });
    renderApp("/errors");
    await userEvent.click(await screen.findByRole("button", { name: "Load more" }));
    expect(await screen.findByText("OpError")).toBeTruthy();
    expect(screen.getByText("KeyError")).toBeTruthy();
  });

  it("tells the same error in two environments apart, and follows the keys", async () => {
    const staging = errorGroup({ environment: "staging", title: "KeyError: elsewhere" });
    const detail = { ...staging, occurrences: [], builds: [] };
    const asked = answerWith({ ...shell, "/errors": page([errorGroup(), staging]), [`/errors/${encodeURIComponent(staging.fingerprint)}`]: detail });
    renderApp("/errors");
    await userEvent.click(await screen.findByText("'discount'"));
    await screen.findByRole("region", { name: "Error" });
    await userEvent.keyboard("j");
    await waitFor(() => expect(asked.at(-1)?.searchParams.get("environment")).toBe("staging"));
    const marked = document.querySelectorAll("[data-row][data-selected=true]");
    expect([...marked].map((row) => row.textContent)).toEqual(["KeyErrorelsewhere"]);
  });

  it("opens rows beside the list by keyboard, and closes them", async () => {
    answerWith({
      ...shell,
      "/errors": page([errorGroup(), second]),
      [`/errors/${encodeURIComponent(second.fingerprint)}`]: { ...second, occurrences: [], builds: [] },
    });
    const router = renderApp("/errors");
    await screen.findByText("KeyError");
    await userEvent.keyboard("jj{Enter}");
    const panel = await screen.findByRole("region", { name: "Error" });
    expect(within(panel).getByText("No build is known for its first event.")).toBeTruthy();
    expect(screen.getByText("KeyError")).toBeTruthy();
    expect(router.state.location.search).toEqual({
      open: second.fingerprint,
      open_service: "pricing",
      open_environment: "production",
    });
    await userEvent.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("region", { name: "Error" })).toBeNull());
  });
});
