import type { Occurrence } from "@/api/types";
import { BasisMark, BuildChip, CommitChip, DeploymentChip, TraceChip } from "@/components/chips";
import { Card } from "@/components/DetailHeader";
import { Clock } from "@/components/Time";
import { Stack } from "./Stack";

/** OccurrenceCard is one event of the group: what was said, where, on which code. */
export function OccurrenceCard({ occurrence }: { occurrence: Occurrence }) {
  const { correlation } = occurrence;
  const words = [occurrence.level, occurrence.handled ? "handled" : "unhandled", occurrence.source && `from ${occurrence.source}`];
  return (
    <Card title="Occurrence" count={<Clock at={occurrence.timestamp} fraction />}>
      <div className="space-y-4 p-4">
        <p className="text-base break-words">{occurrence.message || occurrence.type}</p>
        <div className="flex flex-wrap items-center gap-1.5">
          <TraceChip id={occurrence.trace_id} span={occurrence.span_id} />
          <CommitChip sha={correlation.commit_sha} />
          <BuildChip id={correlation.build_run_id} />
          <DeploymentChip id={correlation.deployment_id} />
          <BasisMark basis={correlation.basis} />
        </div>
        <p className="text-xs text-muted">
          {[occurrence.service, occurrence.environment, occurrence.service_version, ...words].filter(Boolean).join(" · ")}
        </p>
        <Stack frames={occurrence.frames} raw={occurrence.raw_stack} />
      </div>
    </Card>
  );
}
