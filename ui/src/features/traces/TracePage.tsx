import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { ApiError } from "@/api/fetcher";
import { traceQuery } from "@/api/queries";
import type { Trace } from "@/api/types";
import { layoutTrace } from "@/charts/waterfall";
import { buttonClass } from "@/components/Button";
import { DetailHeader } from "@/components/DetailHeader";
import { EmptyState, ErrorState, Marks, SkeletonRows } from "@/components/states";
import { StatusIcon } from "@/components/status";
import { Clock } from "@/components/Time";
import { plural } from "@/format/text";
import { formatDuration } from "@/format/time";
import { LineageStrip } from "../lineage/LineageStrip";
import { TraceView } from "./TraceView";

function Loaded({ trace }: { trace: Trace }) {
  const layout = useMemo(() => layoutTrace(trace.spans), [trace.spans]);
  const root = layout.rows[0]?.span;
  return (
    <div className="flex h-full min-h-[44rem] flex-col">
      <DetailHeader
        parent={{ to: "/traces", label: "Traces" }}
        id={trace.trace_id}
        idLabel="trace id"
        badge={<StatusIcon status={layout.errors > 0 ? "error" : "ok"} size={16} />}
        title={
          <>
            {root?.service} <span className="font-medium text-soft">{root?.name}</span>
          </>
        }
        subtitle={
          <span className="flex items-center gap-2 text-muted">
            <span>
              <Clock at={root?.start} fraction /> · {formatDuration(layout.duration)} · {plural(trace.spans.length, "span")} ·{" "}
              {plural(layout.services.length, "service")}
              {layout.errors > 0 && <span className="text-bad"> · {plural(layout.errors, "error")}</span>}
            </span>
            <Marks partial={trace.partial} />
          </span>
        }
      />
      <LineageStrip subject="trace" id={trace.trace_id} />
      <TraceView layout={layout} />
    </div>
  );
}

export function TracePage() {
  const { traceId } = useParams({ from: "/traces/$traceId" });
  // Comparing a hundred thousand spans with their former selves costs more than drawing them.
  const query = useQuery({ ...traceQuery(traceId), structuralSharing: false, staleTime: 60_000 });
  if (query.isPending) return <SkeletonRows height={32} />;
  if (query.error instanceof ApiError && query.error.status === 404) {
    return (
      <EmptyState
        title="No such trace"
        actions={
          <Link to="/traces" className={`${buttonClass.base} ${buttonClass.primary}`}>
            Search traces
          </Link>
        }
      >
        <span className="mono">{traceId}</span> was never received, or is older than the retention. A trace just sent takes a moment
        to arrive.
      </EmptyState>
    );
  }
  if (!query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  return <Loaded trace={query.data} />;
}
