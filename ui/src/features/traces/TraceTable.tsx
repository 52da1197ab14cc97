import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import type { TraceSummary } from "@/api/types";
import { BuildChip, CommitChip } from "@/components/chips";
import { StatusIcon } from "@/components/status";
import { Ago } from "@/components/Time";
import { formatCount, plural, shortId } from "@/format/text";
import { formatDuration } from "@/format/time";

const head = "h-8 px-2 text-left text-2xs font-medium text-muted whitespace-nowrap";

/** DurationBar sets a trace beside the slowest one shown. */
function DurationBar({ ns, most }: { ns: number; most: number }) {
  return (
    <div className="flex items-center gap-2">
      <span aria-hidden className="h-1.5 w-16 overflow-hidden rounded-full bg-idle-soft">
        <span className="block h-full rounded-full bg-accent" style={{ width: `${Math.max(2, (ns / most) * 100)}%` }} />
      </span>
      <span className="whitespace-nowrap">{formatDuration(ns)}</span>
    </div>
  );
}

function Services({ names }: { names: string[] }) {
  return (
    <span className="block truncate text-soft" title={names.join(", ")}>
      {names.slice(0, 3).join(", ")}
      {names.length > 3 && <span className="text-muted"> +{names.length - 3}</span>}
    </span>
  );
}

function Row({ trace, most }: { trace: TraceSummary; most: number }) {
  return (
    <tr className="relative h-12 border-b border-line hover:bg-hover">
      <td className="overflow-hidden pr-2 pl-4">
        <div className="flex items-center gap-2.5">
          <StatusIcon status={trace.errors > 0 ? "error" : "ok"} />
          <div className="min-w-0">
            <Link to="/traces/$traceId" params={{ traceId: trace.trace_id }} data-row={trace.trace_id} className="row-link block truncate">
              <span className="font-semibold">{trace.root_service || "unknown service"}</span>{" "}
              <span className="text-soft">{trace.root_name || "root span not received"}</span>
            </Link>
            <span className="mono block text-muted">{shortId(trace.trace_id)}</span>
          </div>
        </div>
      </td>
      <td className="px-2">
        <DurationBar ns={trace.duration_ns} most={most} />
      </td>
      <td className="hidden px-2 text-right @xl/list:table-cell">
        {formatCount(trace.spans)}
        {trace.matched_spans > 0 && trace.matched_spans < trace.spans && (
          <span className="block text-2xs text-muted">{plural(trace.matched_spans, "match", "matches")}</span>
        )}
      </td>
      <td className={clsx("hidden px-2 text-right @xl/list:table-cell", trace.errors > 0 ? "text-bad" : "text-muted")}>
        {formatCount(trace.errors)}
      </td>
      <td className="hidden overflow-hidden px-2 @3xl/list:table-cell">
        <Services names={trace.services} />
      </td>
      <td className="hidden px-2 @5xl/list:table-cell">
        <div className="flex gap-1">
          <CommitChip sha={trace.correlation.commit_sha} />
          <BuildChip id={trace.correlation.build_run_id} />
          {!trace.correlation.commit_sha && !trace.correlation.build_run_id && <span className="text-xs text-muted">not known</span>}
        </div>
      </td>
      <td className="px-2 pr-4 text-right whitespace-nowrap">
        <Ago at={trace.start} />
      </td>
    </tr>
  );
}

export function TraceTable({ traces }: { traces: TraceSummary[] }) {
  const most = Math.max(1, ...traces.map((trace) => trace.duration_ns));
  return (
    <table className="w-full table-fixed border-collapse">
      <thead className="sticky top-0 z-2 bg-panel shadow-[inset_0_-1px_0_var(--c-line)]">
        <tr>
          <th className={clsx(head, "pl-4")}>Trace</th>
          <th className={clsx(head, "w-44")}>Duration</th>
          <th className={clsx(head, "hidden w-20 text-right! @xl/list:table-cell")}>Spans</th>
          <th className={clsx(head, "hidden w-16 text-right! @xl/list:table-cell")}>Errors</th>
          <th className={clsx(head, "hidden w-52 @3xl/list:table-cell")}>Services</th>
          <th className={clsx(head, "hidden w-60 @5xl/list:table-cell")}>Code</th>
          <th className={clsx(head, "w-24 pr-4 text-right!")}>Started</th>
        </tr>
      </thead>
      <tbody>
        {traces.map((trace) => (
          <Row key={trace.trace_id} trace={trace} most={most} />
        ))}
      </tbody>
    </table>
  );
}
