// One letter per run: what a test did in it.

export interface CellLook {
  word: string;
  /** Told apart by shape as well as by colour. */
  mark: string;
  className: string;
}

export const cellLooks: Record<string, CellLook> = {
  p: { word: "passed", mark: "", className: "bg-[color-mix(in_oklch,var(--c-ok)_45%,var(--c-panel))]" },
  f: { word: "failed", mark: "×", className: "bg-bad-fill text-white" },
  F: { word: "failed, then passed", mark: "↻", className: "bg-warn text-panel" },
  s: { word: "skipped", mark: "·", className: "bg-idle-soft text-muted" },
  e: { word: "error or timeout", mark: "!", className: "bg-bad-soft text-bad" },
  "-": { word: "not run", mark: "", className: "bg-transparent" },
};

const notRun: CellLook = { word: "not run", mark: "", className: "bg-transparent" };

/** looksOf reads a row of letters; a letter that isn't known, or is missing, is a run without the test. */
export function looksOf(cells: string, runs: number): CellLook[] {
  return Array.from({ length: runs }, (_, index) => cellLooks[cells[index] ?? "-"] ?? notRun);
}

/** tally says a row in words: "31 passed, 2 failed, 1 failed, then passed". */
export function tally(cells: string): string {
  const counts = new Map<string, number>();
  for (const cell of cells) {
    const { word } = cellLooks[cell] ?? notRun;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  counts.delete(notRun.word);
  return [...counts].map(([word, count]) => `${count} ${word}`).join(", ") || "never run";
}
