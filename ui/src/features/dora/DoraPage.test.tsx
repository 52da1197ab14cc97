import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { dora } from "@/test/analysis";
import { answerWith, noServices, renderApp, status } from "@/test/app";

const shell = { "/services": noServices, "/status": status(5) };

// A canvas isn't there in the test's browser; what is drawn into it is looked at in the real one.
vi.mock("@/charts/Plot", () => ({ Plot: ({ label }: { label: string }) => <div role="img" aria-label={label} /> }));

describe("the delivery board", () => {
  beforeEach(() => void answerWith({ ...shell, "/dora": dora() }));

  it("shows five metrics with their course and their basis", async () => {
    renderApp("/dora");
    expect(await screen.findByText("2.0 a day")).toBeTruthy();
    expect(await screen.findByRole("img", { name: "Change lead time over the range: 2h 00m" })).toBeTruthy();
    expect(screen.getByText("linked incident")).toBeTruthy();
    expect(screen.getByText("1 of 4 decided, 2 undecided")).toBeTruthy();
  });

  it("clicks a number down to its deployments", async () => {
    const router = renderApp("/dora");
    await userEvent.click(await screen.findByRole("button", { name: /Failed deployment recovery/ }));
    expect(await screen.findByText("Behind recovery time")).toBeTruthy();
    expect(router.state.location.search).toEqual({ metric: "recovery_time" });
    expect(screen.queryByText("#77")).toBeNull();
    await userEvent.click(screen.getByText("#78"));
    const panel = within(await screen.findByRole("region", { name: "Deployment" }));
    expect(panel.getByText("Incident INC-1 names it.")).toBeTruthy();
    expect(panel.getByText("Checkout is down")).toBeTruthy();
    expect(panel.getByText(/30m 00s until/)).toBeTruthy();
  });

  it("says that nothing was deployed, or that reading failed", async () => {
    answerWith({ ...shell, "/dora": dora({ deployments: [] }) });
    renderApp("/dora");
    expect(await screen.findByText("No deployments in this time")).toBeTruthy();
    answerWith({ ...shell, "/dora": { status: 422, body: { title: "Bad parameter", detail: "from is after to", field: "from" } } });
    renderApp("/dora");
    expect(await screen.findByText("from is after to")).toBeTruthy();
  });
});
