import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Hourglass } from "lucide-react";
import { ApiError } from "@/api/fetcher";
import type { BuildAnalysis, PipelineNode } from "@/api/analysis";
import { analysisQuery } from "@/api/queries";
import { SplitBar } from "@/charts/SplitBar";
import { AppLink } from "@/components/AppLink";
import { BuildChip } from "@/components/chips";
import { Card } from "@/components/DetailHeader";
import { EmptyState, ErrorState, Marks, SkeletonRows } from "@/components/states";
import { StatusBadge } from "@/components/status";
import { httpUrl, plural } from "@/format/text";
import { formatDuration } from "@/format/time";
import { CriticalPath } from "./CriticalPath";
import { Dag } from "./Dag";

const needsWords = {
  declared: "edges as declared",
  inferred: "edges inferred from the times",
  none: "the provider tells no order",
};

function Stuck({ stuck }: { stuck: BuildAnalysis["stuck"] }) {
  if (!stuck.stuck) return null;
  return (
    <p role="status" className="flex items-center gap-2 rounded-lg border border-warn bg-warn-soft px-4 py-2 text-warn">
      <Hourglass size={14} aria-hidden className="shrink-0" />
      {stuck.reason || `Silent for ${formatDuration(stuck.silent_ns)}, longer than this pipeline ever takes.`}
    </p>
  );
}

function Chosen({ node, traceId }: { node: PipelineNode; traceId?: string }) {
  return (
    <div className="space-y-3 p-4">
      <div className="flex flex-wrap items-center gap-2">
        <StatusBadge status={node.status} />
        <span className="font-medium">{node.name}</span>
        {node.runner && <span className="text-xs text-muted">on {node.runner}</span>}
        {traceId && (
          <Link to="/traces/$traceId" params={{ traceId }} search={{ span: node.span_id || undefined }} className="text-xs text-soft hover:underline">
            its span
          </Link>
        )}
        {httpUrl(node.url) && (
          <AppLink href={node.url} className="text-xs text-soft hover:underline">
            at the provider
          </AppLink>
        )}
      </div>
      <SplitBar
        label={node.name}
        parts={[
          { kind: "queue", ns: node.queue_ns },
          { kind: "approval", ns: node.approval_ns },
          { kind: "run", ns: node.run_ns },
        ]}
      />
      {node.inherited && <p className="text-xs text-muted">Ran in attempt {node.from_attempt} and was kept.</p>}
      {node.retry_of && <p className="text-xs text-muted">A retry of job {node.retry_of}.</p>}
      {node.retried_by && <p className="text-xs text-muted">Retried by job {node.retried_by}.</p>}
      {node.message && <pre className="overflow-auto rounded-md border border-line bg-bg p-2 text-xs whitespace-pre-wrap">{node.message}</pre>}
    </div>
  );
}

function Retries({ retry }: { retry: BuildAnalysis["retry"] }) {
  return (
    <Card title="Retries" count={`${formatDuration(retry.cost_ns)} done again, ${Math.round(retry.share * 100)} % of what was billed`}>
      <ul className="divide-y divide-line px-4 py-1">
        {retry.attempts.map((attempt) => (
          <li key={attempt.build.id} className="flex flex-wrap items-center gap-2 py-1.5">
            <StatusBadge status={attempt.build.status} />
            <BuildChip id={attempt.build.id} />
            <span className="text-xs text-muted">
              {plural(attempt.jobs_run, "job")} ran, {attempt.jobs_inherited} kept from before, {formatDuration(attempt.billed_ns)} billed
            </span>
          </li>
        ))}
        {retry.jobs.map((job) => (
          <li key={job.id} className="flex items-center gap-2 py-1.5">
            <span className="min-w-0 flex-1 truncate">{job.name}</span>
            <span className="text-xs text-muted">{job.reason === "attempt" ? `attempt ${job.attempt}` : "retried job"}</span>
            <span className="tabular">{formatDuration(job.billed_ns)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Stages({ analysis }: { analysis: BuildAnalysis }) {
  return (
    <Card title="Stages" count={analysis.stages.length}>
      <ul className="divide-y divide-line px-4">
        {analysis.stages.map((stage) => (
          <li key={stage.id} className="space-y-1.5 py-2.5">
            <p className="flex items-center gap-2">
              <StatusBadge status={stage.status} />
              <span className="font-medium">{stage.name}</span>
              <span className="text-xs text-muted">{plural(stage.jobs, "job")}</span>
              {stage.failed_jobs > 0 && <span className="text-xs text-bad">{stage.failed_jobs} failed</span>}
              {stage.critical_ns > 0 && <span className="ml-auto text-xs text-accent">{formatDuration(stage.critical_ns)} critical</span>}
            </p>
            <SplitBar
              label={stage.name}
              legend={false}
              parts={[
                { kind: "queue", ns: stage.queue_ns },
                { kind: "approval", ns: stage.approval_ns },
                { kind: "run", ns: stage.run_ns },
              ]}
            />
          </li>
        ))}
      </ul>
    </Card>
  );
}

interface ExplorerProps {
  buildId: string;
  traceId?: string;
  chosen?: string;
  choose: (id: string | undefined) => void;
}

/** Explorer shows a run as its graph of jobs: what ran, what it waited for and what set its length. */
export function Explorer({ buildId, traceId, chosen, choose }: ExplorerProps) {
  const query = useQuery({ ...analysisQuery(buildId), refetchInterval: ({ state }) => (state.data?.live ? 3_000 : false) });
  if (query.isPending) return <SkeletonRows rows={6} height={48} />;
  if (query.error instanceof ApiError && query.error.status === 404) return <EmptyState title="Nothing to analyse yet">No job of this run is known.</EmptyState>;
  if (!query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const analysis = query.data;
  const { phases } = analysis;
  const node = analysis.nodes.find((one) => one.id === chosen);
  const toggle = (id: string) => choose(id === chosen ? undefined : id);
  return (
    <div className="space-y-4">
      <Stuck stuck={analysis.stuck} />
      <Card title="Jobs" count={`${analysis.nodes.length}, ${needsWords[analysis.needs]}`} actions={<Marks partial={analysis.partial} />}>
        <Dag analysis={analysis} chosen={chosen} choose={toggle} />
      </Card>
      {node && (
        <Card title="Job">
          <Chosen node={node} traceId={traceId} />
        </Card>
      )}
      <Card title="Where the time went" count={formatDuration(phases.total_ns)}>
        <div className="p-4">
          <SplitBar
            label="The run"
            parts={[
              { kind: "queue", ns: phases.queue_ns },
              { kind: "approval", ns: phases.approval_ns },
              { kind: "run", ns: phases.execution_ns },
              { kind: "gap", ns: phases.between_ns },
              { kind: "finalizing", ns: phases.finalizing_ns },
            ]}
          />
        </div>
      </Card>
      <Card title="Critical path" count={formatDuration(analysis.critical_path.sum_ns)}>
        <CriticalPath path={analysis.critical_path} choose={toggle} />
      </Card>
      <Stages analysis={analysis} />
      {(analysis.retry.attempts.length > 1 || analysis.retry.jobs.length > 0) && <Retries retry={analysis.retry} />}
    </div>
  );
}
