import type { Basis, Hop, HopKind, Lineage } from "@/api/types";
import { shortDigest, shortSha } from "@/format/text";

export const hopOrder: HopKind[] = ["commit", "build", "tests", "artifact", "deploy", "traces", "errors", "sessions"];

export const hopWords: Record<HopKind, string> = {
  commit: "Commit",
  build: "Build",
  tests: "Tests",
  artifact: "Artifact",
  deploy: "Deploy",
  traces: "Traces",
  errors: "Errors",
  sessions: "Sessions",
};

/** What an API subject is called among the hops. */
const subjectHop: Record<string, HopKind> = {
  error: "errors",
  trace: "traces",
  build: "build",
  deployment: "deploy",
  commit: "commit",
  artifact: "artifact",
};

export function subjectKind(lineage: Lineage): HopKind | undefined {
  return subjectHop[lineage.subject.kind];
}

/** How the line that leads to a hop is drawn. */
export type LinkLook = "failing" | "sure" | "guess" | "open";

export function linkLook(hop: Hop): LinkLook {
  if (hop.state !== "known") return "open";
  if (hop.status === "failed") return "failing";
  return hop.basis === "time" ? "guess" : "sure";
}

/** hopNote is the one word under a hop that isn't simply known: what the reader must not overlook. */
export function hopNote(hop: Hop): string {
  if (hop.state === "unknown") return "not known";
  if (hop.state === "none") return "none";
  if (hop.status === "failed") return "failing";
  return hop.status === "running" ? "running" : "";
}

const strength: Record<Basis, number> = { digest: 3, revision: 2, version: 1, time: 0, none: 9 };

/** summarise tells how much of the path is known and on what its weakest link rests. */
export function summarise(lineage: Lineage): { known: number; total: number; weakest: Basis | null } {
  const known = lineage.hops.filter((hop) => hop.state === "known");
  const based = known.filter((hop) => hop.basis !== "none").sort((a, b) => strength[a.basis] - strength[b.basis]);
  return { known: known.length, total: lineage.hops.length, weakest: based[0]?.basis ?? null };
}

/** isCode tells ids, which are set in the mono face, from words. */
export function isCode(text: string): boolean {
  return /^(#?\d+|sha\d+:\S+|[0-9a-f]{7,64})$/.test(text);
}

/** hopDetail is what stands under a title: a commit's hash goes before the rest, a digest is shortened. */
export function hopDetail(hop: Hop): { code: string; text: string } {
  if (isCode(hop.detail)) return { code: shortDigest(hop.detail), text: "" };
  const sha = hop.kind === "commit" && hop.state === "known" ? shortSha(hop.id) : "";
  return { code: sha && !hop.title.startsWith(sha) ? sha : "", text: hop.detail };
}
