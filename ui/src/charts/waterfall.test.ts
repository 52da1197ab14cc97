import { describe, expect, it } from "vitest";
import type { Span } from "@/api/types";
import { layoutTrace, parseZoom, place, ticks, visibleRows } from "./waterfall";

/** span writes one in milliseconds from the trace's beginning. */
function span(id: string, parent: string, start: number, duration: number, more: Partial<Span> = {}): Span {
  return {
    span_id: id,
    parent_span_id: parent,
    service: "shop",
    name: id,
    kind: "internal",
    start: new Date(Date.UTC(2026, 4, 1) + start).toISOString(),
    duration_ns: duration * 1e6,
    status: { code: "unset", message: "" },
    attributes: {},
    resource: {},
    scope: { name: "", version: "" },
    events: [],
    links: [],
    correlation: { commit_sha: "", build_run_id: "", deployment_id: "", basis: "none" },
    error_fingerprint: "",
    ...more,
  };
}

const shape = (spans: Span[]) => layoutTrace(spans).rows.map((row) => `${"  ".repeat(row.depth)}${row.span.span_id}`);

describe("layoutTrace", () => {
  it("orders by tree, then by start, whatever order the spans come in", () => {
    const spans = [span("c", "b", 30, 5), span("d", "a", 60, 5), span("a", "", 0, 100), span("b", "a", 20, 30), span("b0", "b", 25, 2)];
    expect(shape(spans)).toEqual(["a", "  b", "    b0", "    c", "  d"]);
    expect(shape(spans.toReversed())).toEqual(shape(spans));
  });

  it("counts children and descendants, and reaches to the last end", () => {
    const layout = layoutTrace([span("a", "", 0, 10), span("b", "a", 2, 3), span("c", "b", 3, 40)]);
    expect(layout.rows.map((row) => [row.children, row.descendants])).toEqual([
      [1, 2],
      [1, 1],
      [0, 0],
    ]);
    expect(layout.duration).toBe(43e6);
  });

  it("shows a span whose parent was not received, and says so", () => {
    const layout = layoutTrace([span("a", "", 0, 10), span("late", "lost", 5, 1)]);
    expect(layout.rows.map((row) => [row.span.span_id, row.depth, row.orphan])).toEqual([
      ["a", 0, false],
      ["late", 0, true],
    ]);
  });

  it("shows every span of a ring once", () => {
    expect(shape([span("a", "c", 0, 1), span("b", "a", 1, 1), span("c", "b", 2, 1), span("self", "self", 3, 1)])).toEqual([
      "self",
      "a",
      "  b",
      "    c",
    ]);
  });

  it("shows both spans that share an id", () => {
    expect(shape([span("a", "", 0, 9), span("a", "", 1, 2), span("b", "a", 2, 1)])).toEqual(["a", "  b", "a"]);
  });

  it("survives a trace without spans and times that are no times", () => {
    expect(layoutTrace([]).duration).toBe(1);
    expect(layoutTrace([span("a", "", 0, 1, { start: "" })]).rows[0]?.start).toBe(0);
  });

  it("keeps nanoseconds", () => {
    const layout = layoutTrace([
      span("a", "", 0, 1, { start: "2026-05-01T00:00:00.000000100Z" }),
      span("b", "a", 0, 1, { start: "2026-05-01T00:00:00.000000350Z" }),
    ]);
    expect(layout.rows.map((row) => row.start)).toEqual([0, 250]);
  });

  it("numbers services by appearance and counts their errors", () => {
    const failed = { status: { code: "error" as const, message: "" } };
    const layout = layoutTrace([span("a", "", 0, 9, { service: "web" }), span("b", "a", 1, 1, { service: "db", ...failed })]);
    expect(layout.services).toEqual([
      { name: "web", series: 0, spans: 1, errors: 0 },
      { name: "db", series: 1, spans: 1, errors: 1 },
    ]);
    expect(layout.errors).toBe(1);
  });

  it("lays out a hundred thousand spans in a chain deeper than the stack", () => {
    const count = 100_000;
    const spans = Array.from({ length: count }, (_, at) => span(`s${at}`, at ? `s${at - 1}` : "", at, 1));
    const { rows } = layoutTrace(spans);
    expect(rows).toHaveLength(count);
    expect(rows.at(-1)?.depth).toBe(count - 1);
    expect(rows[0]?.descendants).toBe(count - 1);
  });
});

describe("critical path", () => {
  const critical = (spans: Span[]) => layoutTrace(spans).rows.filter((row) => row.critical).map((row) => row.span.span_id);

  it("follows what was waited for", () => {
    expect(critical([span("root", "", 0, 100), span("slow", "root", 0, 90), span("quick", "root", 0, 20), span("inner", "slow", 10, 70)])).toEqual([
      "root",
      "slow",
      "inner",
    ]);
  });

  it("takes one after the other where they followed each other", () => {
    expect(critical([span("root", "", 0, 100), span("first", "root", 0, 40), span("second", "root", 45, 50)])).toEqual(["root", "first", "second"]);
  });

  it("counts work that outlives its parent up to the parent's end only", () => {
    expect(critical([span("root", "", 0, 100), span("async", "root", 95, 900), span("call", "root", 10, 80)])).toEqual(["root", "call", "async"]);
  });
});

describe("visibleRows", () => {
  it("skips what lies under collapsed rows, nested ones too", () => {
    const { rows } = layoutTrace([span("a", "", 0, 9), span("b", "a", 1, 5), span("c", "b", 2, 1), span("d", "a", 7, 1)]);
    expect(visibleRows(rows, new Set())).toEqual([0, 1, 2, 3]);
    expect(visibleRows(rows, new Set(["b"]))).toEqual([0, 1, 3]);
    expect(visibleRows(rows, new Set(["a", "b"]))).toEqual([0]);
  });
});

describe("axis", () => {
  it("places bars on the zoomed part and drops those outside", () => {
    const zoom = { from: 100, to: 200 };
    expect(place({ start: 120, duration: 40 }, zoom)).toEqual({ left: 20, width: 40 });
    expect(place({ start: 0, duration: 1000 }, zoom)).toEqual({ left: 0, width: 100 });
    expect(place({ start: 0, duration: 50 }, zoom)).toBeNull();
    expect(place({ start: 201, duration: 5 }, zoom)).toBeNull();
  });

  it("reads a zoom and keeps it inside the trace", () => {
    expect(parseZoom("10-20", 100)).toEqual({ from: 10, to: 20 });
    expect(parseZoom("10-2000", 100)).toEqual({ from: 10, to: 100 });
    for (const text of [undefined, "", "20-10", "200-300", "x-y"]) expect(parseZoom(text, 100)).toBeNull();
  });

  it("marks round figures", () => {
    expect(ticks({ from: 0, to: 1_000 })).toEqual([0, 200, 400, 600, 800, 1_000]);
    expect(ticks({ from: 950, to: 1_250 })).toEqual([950, 1_000, 1_050, 1_100, 1_150, 1_200, 1_250]);
    expect(ticks({ from: 0, to: 480e9 }).map((ns) => ns / 60e9)).toEqual([0, 2, 4, 6, 8]);
  });
});
