import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { blame } from "@/test/analysis";
import { answerWith, errorGroup, noServices, renderApp, status } from "@/test/app";
import { matchesFrame } from "./BlamePanel";

const fingerprint = errorGroup().fingerprint;
const detail = { ...errorGroup(), occurrences: [], builds: [] };
const shell = {
  "/services": noServices,
  "/status": status(5),
  [`/errors/${encodeURIComponent(fingerprint)}`]: detail,
  "/lineage": { subject: { kind: "error", id: fingerprint }, hops: [], partial: false },
};

describe("the suspects of an error", () => {
  it("are ranked with reasons, and changed files in the stack stand out", async () => {
    const asked = answerWith({ ...shell, "/blame": blame() });
    renderApp(`/errors/${fingerprint}?service=pricing`);
    const suspect = within((await screen.findByText("Add discounts")).closest("li") as HTMLElement);
    expect(suspect.getByText("high")).toBeTruthy();
    expect(suspect.getByRole("img", { name: "suspicion 82 %" })).toBeTruthy();
    expect(suspect.getByText("It changed pricing/apply.py, which is in the stack.")).toBeTruthy();
    const files = suspect.getAllByText(/\.(py|md)$/).map((one) => one.textContent);
    expect(files[0]).toBe("pricing/apply.py");
    expect(asked.find((url) => url.pathname === "/api/v1/blame")?.searchParams.get("service")).toBe("pricing");
  });

  it("say when nobody can be named", async () => {
    answerWith({ ...shell, "/blame": blame({ suspects: [] }) });
    renderApp(`/errors/${fingerprint}`);
    expect(await screen.findByText("No commit in the window can be named.")).toBeTruthy();
  });

  it("say when no build is known, without looking like a failure", async () => {
    answerWith({ ...shell, "/blame": { status: 404, body: { title: "Not found" } } });
    renderApp(`/errors/${fingerprint}`);
    expect(await screen.findByText("No build or deployment is known from which this could have come.")).toBeTruthy();
    expect(screen.queryByRole("alert")).toBeNull();
  });
});

describe("matchesFrame", () => {
  it("compares the ends of paths by whole names", () => {
    const frames = [{ module: "", function: "", file: "/app/src/pay/charge.go", line: 1, in_app: true }];
    expect(matchesFrame("src/pay/charge.go", frames)).toBe(true);
    expect(matchesFrame("charge.go", frames)).toBe(true);
    expect(matchesFrame("discharge.go", frames)).toBe(false);
    expect(matchesFrame("README.md", frames)).toBe(false);
  });
});
