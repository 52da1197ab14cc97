import type { ReactNode } from "react";
import type { BuildRun } from "@/api/types";
import { Clock } from "@/components/Time";
import { formatDuration } from "@/format/time";

type Run = Pick<BuildRun, "trigger" | "branch" | "created_at" | "queued_ns" | "approval_ns" | "duration_ns" | "status">;

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="eyebrow">{label}</dt>
      <dd className="truncate font-medium">{children}</dd>
    </div>
  );
}

/** RunFacts are a run's times and origin in one row. */
export function RunFacts({ run }: { run: Run }) {
  return (
    <dl className="flex flex-wrap gap-x-8 gap-y-2">
      <Fact label="Branch">{run.branch || "–"}</Fact>
      <Fact label="Trigger">{run.trigger || "–"}</Fact>
      <Fact label="Created">
        <Clock at={run.created_at} />
      </Fact>
      <Fact label="Queued">{formatDuration(run.queued_ns)}</Fact>
      {run.approval_ns > 0 && <Fact label="Waited for approval">{formatDuration(run.approval_ns)}</Fact>}
      <Fact label={run.status === "running" ? "Running for" : "Ran"}>{formatDuration(run.duration_ns)}</Fact>
    </dl>
  );
}
