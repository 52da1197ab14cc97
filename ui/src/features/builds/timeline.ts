import type { BuildTask } from "@/api/types";
import { nanosBetween, parseMoment } from "@/format/time";

/** A task on the run's time axis, in nanoseconds from its beginning. */
export interface TaskRow {
  task: BuildTask;
  depth: number;
  /** Waiting for a runner, then working. Null where the times aren't known. */
  queue: { start: number; duration: number } | null;
  run: { start: number; duration: number } | null;
  steps: number;
}

export interface Timeline {
  rows: TaskRow[];
  duration: number;
}

/** layoutTasks orders tasks as jobs followed by their steps, each by time; a step of an unknown job stands alone. */
export function layoutTasks(tasks: BuildTask[], createdAt: string | null): Timeline {
  const moments = [createdAt, ...tasks.flatMap((task) => [task.created_at, task.started_at])].map(parseMoment);
  const known = moments.filter((moment) => moment !== null);
  const origin = known.reduce((first, moment) => (nanosBetween(first, moment) < 0 ? moment : first), known[0] ?? { ms: 0, ns: 0 });
  const offset = (text: string | null) => {
    const moment = parseMoment(text);
    return moment ? nanosBetween(origin, moment) : null;
  };
  const ids = new Set(tasks.map((task) => task.id));
  const children = Map.groupBy(tasks, (task) => (ids.has(task.parent_id) && task.parent_id !== task.id ? task.parent_id : ""));
  const rows: TaskRow[] = [];
  const add = (task: BuildTask, depth: number) => {
    const start = offset(task.started_at);
    const created = offset(task.created_at);
    const steps = children.get(task.id) ?? [];
    rows.push({
      task,
      depth,
      run: start === null ? null : { start, duration: Math.max(0, task.duration_ns) },
      queue: queueBar(task, created, start),
      steps: steps.length,
    });
    for (const step of steps.toSorted(byTime)) add(step, depth + 1);
  };
  for (const task of (children.get("") ?? []).toSorted(byTime)) add(task, 0);
  const ends = rows.flatMap((row) => [row.run, row.queue]).map((bar) => (bar ? bar.start + bar.duration : 0));
  return { rows, duration: Math.max(1, ...ends) };
}

function queueBar(task: BuildTask, created: number | null, start: number | null): TaskRow["queue"] {
  if (task.queued_ns <= 0) return null;
  if (created !== null) return { start: created, duration: task.queued_ns };
  return start === null ? null : { start: Math.max(0, start - task.queued_ns), duration: task.queued_ns };
}

function byTime(a: BuildTask, b: BuildTask): number {
  const at = (task: BuildTask) => task.started_at ?? task.created_at ?? "9999";
  return at(a) < at(b) ? -1 : at(a) > at(b) ? 1 : 0;
}
