import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import { GitBranch } from "lucide-react";
import type { BuildRun } from "@/api/types";
import { CommitChip } from "@/components/chips";
import { StatusBadge } from "@/components/status";
import { Ago } from "@/components/Time";
import { buildLabel, plural } from "@/format/text";
import { formatDuration } from "@/format/time";

const head = "h-8 px-2 text-left text-2xs font-medium text-muted whitespace-nowrap";

/** TimeBar is a run's wait and work, on one scale for the whole list. */
function TimeBar({ build, most }: { build: BuildRun; most: number }) {
  const part = (ns: number) => `${(ns / most) * 100}%`;
  const waits = build.queued_ns + build.approval_ns;
  return (
    <div title={`queued ${formatDuration(build.queued_ns)}, approval ${formatDuration(build.approval_ns)}, ran ${formatDuration(build.duration_ns)}`}>
      <div aria-hidden className="flex h-1.5 w-full gap-px overflow-hidden rounded-full bg-idle-soft">
        <span className="bg-line-strong" style={{ width: part(waits) }} />
        <span className={build.status === "failure" || build.status === "timeout" ? "bg-bad-fill" : "bg-accent"} style={{ width: part(build.duration_ns) }} />
      </div>
      <div className="mt-1 flex justify-between text-xs whitespace-nowrap">
        <span>{formatDuration(build.duration_ns)}</span>
        {waits > 0 && <span className="text-muted">waited {formatDuration(waits)}</span>}
      </div>
    </div>
  );
}

function Row({ build, open, most }: { build: BuildRun; open?: string; most: number }) {
  const chosen = build.id === open;
  return (
    <tr className={clsx("relative h-13 border-b border-line", chosen ? "bg-selected" : "hover:bg-hover")}>
      <td className="pr-2 pl-4">
        <StatusBadge status={build.status} />
      </td>
      <td className="overflow-hidden px-2">
        <Link
          from="/builds"
          to="."
          search={(before) => ({ ...before, open: build.id })}
          replace={open !== undefined}
          data-row={build.id}
          data-selected={chosen}
          className="row-link block truncate"
        >
          <span className="font-semibold">{build.pipeline || build.name || "Unnamed pipeline"}</span>{" "}
          <span className="mono text-muted">{buildLabel(build.id)}</span>
        </Link>
        <div className="flex items-center gap-1 text-xs text-muted">
          <span className="shrink-0">{build.repo}</span>
          {build.branch && (
            <>
              <GitBranch size={11} aria-label="on branch" role="img" className="ml-1 shrink-0" />
              <span className="max-w-[60%] shrink-0 truncate text-soft">{build.branch}</span>
            </>
          )}
          {build.name && build.name !== build.pipeline && <span className="ml-1 truncate">{build.name}</span>}
        </div>
      </td>
      <td className="hidden px-2 @xl/list:table-cell">
        <CommitChip sha={build.commit_sha} />
      </td>
      <td className="hidden px-2 @4xl/list:table-cell">
        <span className="block truncate text-soft">{build.trigger || "–"}</span>
      </td>
      <td className="hidden px-2 text-soft @3xl/list:table-cell">
        {plural(build.tasks, "task")}
        {build.failed_tasks > 0 && <span className="block text-xs text-bad">{build.failed_tasks} failed</span>}
      </td>
      <td className="px-2">
        <TimeBar build={build} most={most} />
      </td>
      <td className="px-2 pr-4 text-right whitespace-nowrap">
        <Ago at={build.started_at ?? build.created_at} />
      </td>
    </tr>
  );
}

export function BuildTable({ builds, open }: { builds: BuildRun[]; open?: string }) {
  const most = Math.max(1, ...builds.map((build) => build.queued_ns + build.approval_ns + build.duration_ns));
  return (
    <table className="w-full table-fixed border-collapse">
      <thead className="sticky top-0 z-2 bg-panel shadow-[inset_0_-1px_0_var(--c-line)]">
        <tr>
          <th className={clsx(head, "w-28 pl-4")}>Status</th>
          <th className={head}>Run</th>
          <th className={clsx(head, "hidden w-28 @xl/list:table-cell")}>Commit</th>
          <th className={clsx(head, "hidden w-32 @4xl/list:table-cell")}>Trigger</th>
          <th className={clsx(head, "hidden w-24 @3xl/list:table-cell")}>Tasks</th>
          <th className={clsx(head, "w-44")}>Time</th>
          <th className={clsx(head, "w-24 pr-4 text-right!")}>Started</th>
        </tr>
      </thead>
      <tbody>
        {builds.map((build) => (
          <Row key={build.id} build={build} open={open} most={most} />
        ))}
      </tbody>
    </table>
  );
}
