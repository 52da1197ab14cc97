import { describe, expect, it } from "vitest";
import type { BuildTask } from "@/api/types";
import { layoutTasks } from "./timeline";

const at = (seconds: number) => new Date(Date.UTC(2026, 4, 1, 10, 0, seconds)).toISOString();

function task(id: string, change: Partial<BuildTask> = {}): BuildTask {
  return {
    id,
    parent_id: "",
    name: id,
    kind: "job",
    status: "success",
    created_at: null,
    started_at: null,
    finished_at: null,
    queued_ns: 0,
    duration_ns: 0,
    runner: "",
    flaky: false,
    retries: 0,
    url: "",
    span_id: "",
    message: "",
    ...change,
  };
}

describe("layoutTasks", () => {
  it("puts steps under their job, each by time", () => {
    const tasks = [
      task("s2", { parent_id: "j1", kind: "step", started_at: at(20) }),
      task("j2", { started_at: at(30) }),
      task("s1", { parent_id: "j1", kind: "step", started_at: at(12) }),
      task("j1", { started_at: at(10) }),
      task("stray", { parent_id: "gone", kind: "step", started_at: at(40) }),
    ];
    expect(layoutTasks(tasks, at(0)).rows.map((row) => [row.task.id, row.depth])).toEqual([
      ["j1", 0],
      ["s1", 1],
      ["s2", 1],
      ["j2", 0],
      ["stray", 0],
    ]);
  });

  it("tells waiting from working", () => {
    const { rows, duration } = layoutTasks(
      [task("j", { created_at: at(5), started_at: at(15), queued_ns: 10e9, duration_ns: 60e9 })],
      at(0),
    );
    expect(rows[0]).toMatchObject({ queue: { start: 5e9, duration: 10e9 }, run: { start: 15e9, duration: 60e9 } });
    expect(duration).toBe(75e9);
  });

  it("places a queue before the start when creation isn't known, and nothing where nothing is", () => {
    const { rows } = layoutTasks([task("a", { started_at: at(15), queued_ns: 10e9 }), task("b", { status: "queued" })], at(0));
    expect(rows.map((row) => [row.queue, row.run])).toEqual([
      [{ start: 5e9, duration: 10e9 }, { start: 15e9, duration: 0 }],
      [null, null],
    ]);
  });

  it("has an axis without any task", () => {
    expect(layoutTasks([], null)).toEqual({ rows: [], duration: 1 });
  });
});
