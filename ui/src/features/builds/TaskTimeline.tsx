import clsx from "clsx";
import { ChevronDown, ChevronRight, ExternalLink, Repeat2 } from "lucide-react";
import { useState } from "react";
import { place, ticks } from "@/charts/waterfall";
import { AppLink } from "@/components/AppLink";
import { StatusIcon, statusLook, type Tone } from "@/components/status";
import { httpUrl } from "@/format/text";
import { formatDuration } from "@/format/time";
import type { TaskRow, Timeline } from "./timeline";

const barTone: Record<Tone, string> = {
  ok: "bg-[color-mix(in_oklch,var(--c-ok)_70%,var(--c-panel))]",
  bad: "bg-bad-fill",
  warn: "bg-warn",
  run: "bg-run",
  idle: "bg-line-strong",
};

function Bars({ row, duration }: { row: TaskRow; duration: number }) {
  const zoom = { from: 0, to: duration };
  const queue = row.queue && place(row.queue, zoom);
  const run = row.run && place(row.run, zoom);
  const end = run ? run.left + run.width : 0;
  const start = Math.min(run?.left ?? 100, queue?.left ?? 100);
  // After the bar where there is room, else before it, else on its end.
  const side = end <= 72 ? "after" : start > 28 ? "before" : "inside";
  const labelStyle = {
    after: { left: `${end}%` },
    before: { right: `${100 - start}%` },
    inside: { right: `${Math.max(0, 100 - end)}%` },
  };
  const text = `${formatDuration(row.task.duration_ns)}${row.task.queued_ns > 0 && row.depth === 0 ? `, queued ${formatDuration(row.task.queued_ns)}` : ""}`;
  return (
    <div className="relative h-full">
      {queue && (
        <span
          title={`queued ${formatDuration(row.queue?.duration ?? 0)}`}
          className="absolute top-1/2 h-3 min-w-px -translate-y-1/2 rounded-[3px] border border-line-strong bg-[repeating-linear-gradient(135deg,transparent_0_3px,var(--c-line)_3px_5px)]"
          style={{ left: `${queue.left}%`, width: `${queue.width}%` }}
        />
      )}
      {run && (
        <>
          <span
            className={clsx(
              "absolute top-1/2 min-w-0.5 -translate-y-1/2 rounded-[3px]",
              row.depth === 0 ? "h-3" : "h-2",
              barTone[statusLook(row.task.status).tone],
            )}
            style={{ left: `${run.left}%`, width: `${run.width}%` }}
          />
          <span
            className={clsx(
              "absolute top-1/2 -translate-y-1/2 text-2xs leading-3 whitespace-nowrap text-muted",
              side === "inside" ? "mr-1 rounded-[3px] bg-panel px-1" : "px-1.5",
            )}
            style={labelStyle[side]}
          >
            {text}
          </span>
        </>
      )}
    </div>
  );
}

function Name({ row, open, toggle }: { row: TaskRow; open: boolean; toggle: () => void }) {
  const { task } = row;
  const Chevron = open ? ChevronDown : ChevronRight;
  return (
    <div className="flex min-w-0 items-center gap-1.5 pr-2" style={{ paddingLeft: 12 + row.depth * 20 }}>
      {row.steps > 0 ? (
        <button
          type="button"
          aria-expanded={open}
          aria-label={`${open ? "Hide" : "Show"} steps of ${task.name}`}
          onClick={toggle}
          className="flex size-5 items-center justify-center text-muted hover:text-fg"
        >
          <Chevron size={12} aria-hidden />
        </button>
      ) : (
        <span className="w-5 shrink-0" />
      )}
      <StatusIcon status={task.status} size={13} />
      <span className={clsx("truncate", row.depth === 0 ? "font-medium" : "text-soft")} title={task.name}>
        {task.name}
      </span>
      {task.flaky && (
        <span className="inline-flex shrink-0 items-center gap-1 rounded bg-warn-soft px-1 text-2xs text-warn">
          <Repeat2 size={11} aria-hidden /> flaky
        </span>
      )}
      {task.retries > 0 && !task.flaky && (
        <span className="inline-flex shrink-0 items-center gap-1 rounded bg-idle-soft px-1 text-2xs text-idle">
          <Repeat2 size={11} aria-hidden /> {task.retries}
        </span>
      )}
      {row.depth === 0 && task.runner && <span className="truncate text-2xs text-muted">{task.runner}</span>}
      {httpUrl(task.url) && (
        <AppLink href={task.url} aria-label={`${task.name} at the provider`} className="ml-auto shrink-0 text-muted hover:text-fg">
          <ExternalLink size={12} aria-hidden />
        </AppLink>
      )}
    </div>
  );
}

function Axis({ duration }: { duration: number }) {
  return (
    <div className="grid h-7 grid-cols-[minmax(12rem,22rem)_1fr] border-b border-line text-2xs text-muted">
      <div className="flex items-center gap-3 px-4">
        <span className="inline-flex items-center gap-1">
          <span aria-hidden className="h-2 w-3 rounded-[2px] border border-line-strong bg-[repeating-linear-gradient(135deg,transparent_0_3px,var(--c-line)_3px_5px)]" />
          queued
        </span>
        <span className="inline-flex items-center gap-1">
          <span aria-hidden className={clsx("h-2 w-3 rounded-[2px]", barTone.ok)} />
          ran
        </span>
      </div>
      <div aria-hidden className="relative mr-4 overflow-hidden">
        {ticks({ from: 0, to: duration }).map((tick) => (
          <span key={tick} className="absolute inset-y-0 flex items-center border-l border-line pl-1 whitespace-nowrap" style={{ left: `${(tick / duration) * 100}%` }}>
            {tick === 0 ? "0" : tick / duration < 0.88 && formatDuration(tick)}
          </span>
        ))}
      </div>
    </div>
  );
}

/** TaskTimeline shows jobs and, under those that failed or were opened, their steps. */
export function TaskTimeline({ timeline }: { timeline: Timeline }) {
  const [toggled, setToggled] = useState<ReadonlySet<string>>(() => new Set());
  const isOpen = (row: TaskRow) => (statusLook(row.task.status).tone === "bad" || timeline.rows.length <= 12) !== toggled.has(row.task.id);
  const toggle = (id: string) => {
    const next = new Set(toggled);
    if (!next.delete(id)) next.add(id);
    setToggled(next);
  };
  if (timeline.rows.length === 0) return <p className="p-4 text-muted">No job of this run was reported yet.</p>;
  const openIds = new Set(timeline.rows.filter(isOpen).map((row) => row.task.id));
  const shown = timeline.rows.filter((row) => row.depth === 0 || openIds.has(row.task.parent_id));
  return (
    <div>
      <Axis duration={timeline.duration} />
      <ul>
        {shown.map((row) => (
          <li key={row.task.id} className={clsx("border-b border-line last:border-b-0 hover:bg-hover", row.depth === 0 && "bg-panel")}>
            <div className={clsx("grid grid-cols-[minmax(12rem,22rem)_1fr]", row.depth === 0 ? "h-8" : "h-7")}>
              <Name row={row} open={openIds.has(row.task.id)} toggle={() => toggle(row.task.id)} />
              <div className="mr-4 overflow-hidden">
                <Bars row={row} duration={timeline.duration} />
              </div>
            </div>
            {row.task.message && (
              <p className={clsx("px-4 pb-2 pl-12 break-words", statusLook(row.task.status).tone === "bad" ? "text-bad" : "text-muted")}>
                {row.task.message}
              </p>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
