import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { ErrorDetail, Hop, HopKind, Lineage } from "@/api/types";
import { answerWith, errorGroup, noServices, renderApp, status } from "@/test/app";
import { hopDetail, hopOrder, linkLook, summarise } from "./model";

function hop(kind: HopKind, change: Partial<Hop> = {}): Hop {
  return {
    kind,
    state: "known",
    id: `${kind}-id`,
    title: `${kind} title`,
    detail: "",
    status: "ok",
    at: null,
    href: `/errors?service=${kind}`,
    basis: "digest",
    evidence: `why ${kind}`,
    count: 1,
    ...change,
  };
}

function lineage(change: Partial<Record<HopKind, Partial<Hop>>> = {}): Lineage {
  return { subject: { kind: "error", id: "x" }, hops: hopOrder.map((kind) => hop(kind, change[kind])), partial: false };
}

const detail: ErrorDetail = { ...errorGroup(), occurrences: [], builds: [] };

async function showStrip(answer: object) {
  answerWith({
    [`/errors/${encodeURIComponent(detail.fingerprint)}`]: detail,
    "/lineage": answer,
    "/services": noServices,
    "/status": status(1),
  });
  const router = renderApp(`/errors/${detail.fingerprint}`);
  const section = await screen.findByRole("region", { name: "Path to customer" });
  return { router, section: within(section) };
}

const step = (kind: HopKind) => {
  const found = document.querySelector<HTMLElement>(`[data-hop=${kind}]`);
  if (!found) throw new Error(`no step ${kind}`);
  return found;
};

describe("the path to the customer", () => {
  it("shows eight steps in order, each known one leading on", async () => {
    const { router, section } = await showStrip(lineage());
    await section.findByRole("link", { name: "commit title" });
    expect([...document.querySelectorAll<HTMLElement>("[data-hop]")].map((node) => node.dataset.hop)).toEqual(hopOrder);
    expect(section.getAllByRole("link")).toHaveLength(8);
    expect(step("errors").getAttribute("aria-current")).toBe("true");
    await userEvent.click(section.getByRole("link", { name: "deploy title" }));
    expect(router.history.location.href).toBe("/errors?service=deploy");
  });

  it("says in words what is not known, what isn't there, and what fails", async () => {
    const none = { state: "none", href: "", basis: "none" } as const;
    const { section } = await showStrip(
      lineage({ artifact: { state: "unknown", href: "", basis: "none" }, sessions: none, errors: { status: "failed" } }),
    );
    await section.findByRole("link", { name: "commit title" });
    expect(step("artifact").textContent).toContain("not known");
    expect(step("artifact").querySelector("a")).toBeNull();
    expect(step("sessions").textContent).toContain("none");
    expect(step("errors").textContent).toContain("failing");
    expect(step("commit").textContent).not.toContain("failing");
  });

  it("calls a link by time a guess", async () => {
    const { section } = await showStrip(lineage({ deploy: { basis: "time" }, build: { basis: "revision" } }));
    await section.findByRole("link", { name: "commit title" });
    expect(step("deploy").textContent).toContain("guess, by time");
    expect(step("build").textContent).toContain("by revision");
    expect(section.getByText("why deploy")).toBeTruthy();
  });

  it("never follows an address that leads out by script", async () => {
    const { section } = await showStrip(lineage({ commit: { href: "javascript:alert(1)" }, build: { href: "//evil.example" } }));
    await section.findByRole("link", { name: "tests title" });
    expect(step("commit").querySelector("a")).toBeNull();
    expect(step("build").querySelector("a")).toBeNull();
    expect(step("commit").textContent).toContain("commit title");
  });

  it("keeps the page when only the path can't be read", async () => {
    const { section } = await showStrip({ status: 500, body: { title: "Broken", detail: "graph is away" } });
    expect((await section.findByRole("alert")).textContent).toContain("graph is away");
    expect(screen.getByRole("heading", { level: 1 }).textContent).toContain("KeyError");
  });
});

describe("model", () => {
  it("always names a commit by its hash, and shortens digests", () => {
    const sha = "2f05d4b689d270cafb02285f35f44866f7dc8a2d";
    expect(hopDetail(hop("commit", { id: sha, title: "Read totals", detail: "Robin" }))).toEqual({ code: "2f05d4b", text: "Robin" });
    expect(hopDetail(hop("commit", { id: sha, title: "2f05d4b", detail: "Robin" }))).toEqual({ code: "", text: "Robin" });
    expect(hopDetail(hop("artifact", { detail: `sha256:${"ab".repeat(32)}` }))).toEqual({ code: "sha256:abababababab", text: "" });
  });

  it("draws a line by what it claims", () => {
    expect(linkLook(hop("build"))).toBe("sure");
    expect(linkLook(hop("build", { basis: "time" }))).toBe("guess");
    expect(linkLook(hop("build", { status: "failed" }))).toBe("failing");
    expect(linkLook(hop("build", { state: "unknown", status: "failed" }))).toBe("open");
  });

  it("finds the weakest link among those that rest on something", () => {
    expect(summarise(lineage({ tests: { basis: "none" }, deploy: { basis: "version" } }))).toEqual({ known: 8, total: 8, weakest: "version" });
    expect(summarise({ ...lineage(), hops: [hop("commit", { state: "unknown" })] })).toEqual({ known: 0, total: 1, weakest: null });
  });
});
