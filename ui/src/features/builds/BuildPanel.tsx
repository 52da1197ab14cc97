import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowUpRight } from "lucide-react";
import { buildQuery } from "@/api/queries";
import type { BuildDetail, BuildRun } from "@/api/types";
import { buttonClass } from "@/components/Button";
import { CommitChip, TraceChip } from "@/components/chips";
import { PanelSection, SidePanel } from "@/components/SidePanel";
import { ErrorState, SkeletonRows } from "@/components/states";
import { StatusBadge, StatusIcon } from "@/components/status";
import { buildLabel } from "@/format/text";
import { formatDuration } from "@/format/time";
import { ArtifactList, DeploymentList, ErrorList } from "./Outcome";
import { RunFacts } from "./RunFacts";

function Jobs({ detail }: { detail: BuildDetail }) {
  const jobs = detail.tasks.filter((task) => task.kind === "job");
  if (jobs.length === 0) return <p className="text-muted">No job was reported.</p>;
  return (
    <ul className="space-y-1">
      {jobs.map((job) => (
        <li key={job.id} className="flex items-center gap-2">
          <StatusIcon status={job.status} />
          <span className="min-w-0 flex-1 truncate">{job.name}</span>
          <span className="text-xs text-muted">{formatDuration(job.duration_ns)}</span>
        </li>
      ))}
    </ul>
  );
}

function Sections({ detail }: { detail: BuildDetail }) {
  return (
    <>
      {detail.commit.message && (
        <PanelSection title="Commit">
          <p className="line-clamp-3 break-words">{detail.commit.message}</p>
          <p className="text-xs text-muted">{detail.commit.author}</p>
        </PanelSection>
      )}
      <PanelSection title="Jobs">
        <Jobs detail={detail} />
      </PanelSection>
      <PanelSection title="Artifacts" count={detail.artifacts.length}>
        <ArtifactList artifacts={detail.artifacts} />
      </PanelSection>
      <PanelSection title="Deployments" count={detail.deployments.length}>
        <DeploymentList deployments={detail.deployments} />
      </PanelSection>
      <PanelSection title="Errors seen on this build" count={detail.errors.length}>
        <ErrorList errors={detail.errors} />
      </PanelSection>
    </>
  );
}

export function BuildPanel({ id, known, onClose }: { id: string; known?: BuildRun; onClose: () => void }) {
  const query = useQuery(buildQuery(id));
  const run = query.data ?? known;
  return (
    <SidePanel
      label="Build"
      title={
        <>
          {run?.pipeline ?? "Build"} <span className="mono font-normal text-muted">{buildLabel(id)}</span>
        </>
      }
      onClose={onClose}
      actions={
        <Link to="/builds/$buildId" params={{ buildId: id }} className={`${buttonClass.base} ${buttonClass.outline}`}>
          Open page <ArrowUpRight size={13} aria-hidden />
        </Link>
      }
    >
      {run && (
        <div className="border-b border-line px-4 py-3">
          <div className="mb-3 flex flex-wrap items-center gap-1.5">
            <StatusBadge status={run.status} />
            <CommitChip sha={run.commit_sha} />
            <TraceChip id={run.trace_id} />
          </div>
          <RunFacts run={run} />
        </div>
      )}
      {query.isPending && <SkeletonRows rows={5} height={36} />}
      {query.isError && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data && <Sections detail={query.data} />}
    </SidePanel>
  );
}
