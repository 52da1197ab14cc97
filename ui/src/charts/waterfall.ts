import type { Span } from "@/api/types";
import { type Moment, nanosBetween, parseMoment } from "@/format/time";

/** One row of the waterfall: a span with its place in the tree and on the time axis (nanoseconds from the start). */
export interface Row {
  span: Span;
  /** The row of the parent, -1 for roots. */
  parent: number;
  depth: number;
  start: number;
  duration: number;
  children: number;
  /** Rows below this one that belong to it. */
  descendants: number;
  /** The parent is named but not among the spans. */
  orphan: boolean;
  series: number;
  failed: boolean;
  /** On the critical path: while this span (and none of its children) ran, the trace could not end sooner. */
  critical: boolean;
}

export interface Layout {
  rows: Row[];
  origin: Moment;
  duration: number;
  services: { name: string; series: number; spans: number; errors: number }[];
  errors: number;
}

const zero: Moment = { ms: 0, ns: 0 };
const seriesCount = 8;

function earliest(moments: (Moment | null)[]): Moment {
  let first: Moment | null = null;
  for (const moment of moments) {
    if (moment && (!first || nanosBetween(moment, first) > 0)) first = moment;
  }
  return first ?? zero;
}

interface Tree {
  children: number[][];
  roots: number[];
  orphans: Set<number>;
}

/**
 * growTree finds each span's children. A span whose parent is absent is a root, and so is the earliest span of a ring,
 * so that every span is shown once whatever was sent.
 */
function growTree(spans: Span[], starts: number[]): Tree {
  const at = new Map<string, number>();
  spans.forEach((span, index) => {
    if (!at.has(span.span_id)) at.set(span.span_id, index);
  });
  const children: number[][] = spans.map(() => []);
  const roots: number[] = [];
  const orphans = new Set<number>();
  spans.forEach((span, index) => {
    const parent = span.parent_span_id ? at.get(span.parent_span_id) : undefined;
    if (parent !== undefined && parent !== index) children[parent]?.push(index);
    else {
      roots.push(index);
      if (span.parent_span_id && parent === undefined) orphans.add(index);
    }
  });
  const byStart = (a: number, b: number) => (starts[a] ?? 0) - (starts[b] ?? 0) || a - b;
  roots.sort(byStart);
  for (const list of children) if (list.length > 1) list.sort(byStart);
  return { children, roots, orphans };
}

/** walk visits depth first without recursion: traces can be deeper than the stack. */
function walk(tree: Tree, count: number, starts: number[], visit: (index: number, parent: number, depth: number) => number) {
  const seen = new Uint8Array(count);
  const stack: { index: number; parent: number; depth: number }[] = [];
  const push = (list: number[], parent: number, depth: number) => {
    for (let at = list.length - 1; at >= 0; at--) stack.push({ index: list[at] ?? 0, parent, depth });
  };
  const drain = () => {
    for (let next = stack.pop(); next; next = stack.pop()) {
      if (seen[next.index]) continue;
      seen[next.index] = 1;
      const row = visit(next.index, next.parent, next.depth);
      push(tree.children[next.index] ?? [], row, next.depth + 1);
    }
  };
  push(tree.roots, -1, 0);
  drain();
  // What is left hangs in rings. Each is entered at its earliest span.
  const rest = starts.map((_, index) => index).filter((index) => !seen[index]);
  rest.sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0));
  for (const index of rest) {
    push([index], -1, 0);
    drain();
  }
}

/** services numbers services by first appearance; the colour of a service is its number. */
function serviceSeries(spans: Span[]): Map<string, { name: string; series: number; spans: number; errors: number }> {
  const found = new Map<string, { name: string; series: number; spans: number; errors: number }>();
  for (const span of spans) {
    const one = found.get(span.service) ?? { name: span.service, series: found.size % seriesCount, spans: 0, errors: 0 };
    one.spans++;
    if (span.status.code === "error") one.errors++;
    found.set(span.service, one);
  }
  return found;
}

/** layoutTrace turns the spans of a trace, in any order, into rows in tree order. */
export function layoutTrace(spans: Span[]): Layout {
  const moments = spans.map((span) => parseMoment(span.start));
  const origin = earliest(moments);
  const starts = moments.map((moment) => (moment ? nanosBetween(origin, moment) : 0));
  const services = serviceSeries(spans);
  const rows: Row[] = [];
  const tree = growTree(spans, starts);
  walk(tree, spans.length, starts, (index, parent, depth) => {
    const span = spans[index] as Span;
    rows.push({
      span,
      parent,
      depth,
      start: starts[index] ?? 0,
      duration: Math.max(0, span.duration_ns),
      children: 0,
      descendants: 0,
      orphan: tree.orphans.has(index),
      series: services.get(span.service)?.series ?? 0,
      failed: span.status.code === "error",
      critical: false,
    });
    return rows.length - 1;
  });
  let duration = 0;
  for (let at = rows.length - 1; at >= 0; at--) {
    const row = rows[at] as Row;
    duration = Math.max(duration, row.start + row.duration);
    const parent = rows[row.parent];
    if (!parent) continue;
    parent.children++;
    parent.descendants += row.descendants + 1;
  }
  markCritical(rows);
  return {
    rows,
    origin,
    duration: Math.max(1, duration),
    services: [...services.values()],
    errors: rows.reduce((sum, row) => sum + (row.failed ? 1 : 0), 0),
  };
}

/**
 * markCritical walks back from the end of the root: the child that ended last before the cursor is waited for, then
 * whatever ended before that child began. Spans that outlive their parent (asynchronous work) count up to its end.
 */
function markCritical(rows: Row[]) {
  const children: number[][] = rows.map(() => []);
  let longest = -1;
  rows.forEach((row, index) => {
    if (row.parent >= 0) children[row.parent]?.push(index);
    else if (longest < 0 || row.descendants > (rows[longest]?.descendants ?? 0)) longest = index;
  });
  const stack: { index: number; until: number }[] = longest < 0 ? [] : [{ index: longest, until: Number.POSITIVE_INFINITY }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    const row = rows[next.index] as Row;
    row.critical = true;
    let cursor = Math.min(next.until, row.start + row.duration);
    const end = (index: number) => Math.min(cursor, (rows[index]?.start ?? 0) + (rows[index]?.duration ?? 0));
    const list = (children[next.index] ?? []).toSorted((a, b) => rawEnd(rows, b) - rawEnd(rows, a));
    for (const child of list) {
      const start = rows[child]?.start ?? 0;
      if (start >= cursor || end(child) <= row.start) continue;
      if (rawEnd(rows, child) > cursor && cursor < row.start + row.duration) continue;
      stack.push({ index: child, until: cursor });
      cursor = start;
    }
  }
}

function rawEnd(rows: Row[], index: number): number {
  const row = rows[index];
  return row ? row.start + row.duration : 0;
}

/** visibleRows leaves out what lies under collapsed rows; the answer holds indexes into rows. */
export function visibleRows(rows: Row[], collapsed: ReadonlySet<string>): number[] {
  const visible: number[] = [];
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at] as Row;
    visible.push(at);
    if (collapsed.has(row.span.span_id)) at += row.descendants;
  }
  return visible;
}

export interface Zoom {
  from: number;
  to: number;
}

/** parseZoom reads "from-to" in nanoseconds, kept inside the trace; null shows the whole. */
export function parseZoom(text: string | undefined, duration: number): Zoom | null {
  const match = /^(\d+)-(\d+)$/.exec(text ?? "");
  if (!match) return null;
  const from = Math.min(Number(match[1]), duration);
  const to = Math.min(Number(match[2]), duration);
  return to - from >= 1 ? { from, to } : null;
}

/** place gives a bar's left edge and width in percent of the zoomed axis; null when it is wholly outside. */
export function place(row: Pick<Row, "start" | "duration">, zoom: Zoom): { left: number; width: number } | null {
  const size = zoom.to - zoom.from;
  const from = Math.max(row.start, zoom.from);
  const to = Math.min(row.start + row.duration, zoom.to);
  if (to < from || row.start > zoom.to || row.start + row.duration < zoom.from) return null;
  return { left: ((from - zoom.from) / size) * 100, width: ((to - from) / size) * 100 };
}

/** Round steps of the clock above ten seconds, where powers of ten stop being round. */
const clockSteps = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map((seconds) => seconds * 1e9);

/** ticks gives round marks for an axis, at most most + 1 of them: 1, 2 or 5 times a power of ten apart, or clock steps. */
export function ticks(zoom: Zoom, most = 6): number[] {
  const size = zoom.to - zoom.from;
  const rough = size / most;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  const decimal = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough) ?? size;
  const step = rough < 5e9 ? decimal : (clockSteps.find((one) => one >= rough) ?? decimal);
  const marks: number[] = [];
  for (let at = Math.ceil(zoom.from / step) * step; at <= zoom.to; at += step) marks.push(at);
  return marks;
}
