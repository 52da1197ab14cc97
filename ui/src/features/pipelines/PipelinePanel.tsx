import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useMemo } from "react";
import type { Pipeline, PipelineStats } from "@/api/analysis";
import { pipelineStatsQuery } from "@/api/queries";
import { useTimeRange } from "@/app/useTimeRange";
import { SplitBar } from "@/charts/SplitBar";
import { buttonClass } from "@/components/Button";
import { BuildChip, CommitChip } from "@/components/chips";
import { PanelSection, SidePanel } from "@/components/SidePanel";
import { ErrorState, Skeleton, SkeletonRows } from "@/components/states";
import { plural } from "@/format/text";
import { formatDuration } from "@/format/time";

const Plot = lazy(() => import("@/charts/Plot").then((module) => ({ default: module.Plot })));

function Trend({ trend }: { trend: PipelineStats["trend"] }) {
  const { times, series } = useMemo(
    () => ({
      times: trend.map((one) => Date.parse(one.time) / 1e3),
      series: [
        { label: "all", values: trend.map((one) => one.median_duration_ns), token: "--c-s1" },
        { label: "queued", values: trend.map((one) => one.queue_ns), token: "--c-s2" },
        { label: "approval", values: trend.map((one) => one.approval_ns), token: "--c-s4" },
      ],
    }),
    [trend],
  );
  if (trend.length < 2) return <p className="text-muted">Too few runs for a trend.</p>;
  return (
    <Suspense fallback={<Skeleton className="h-48 w-full" />}>
      <Plot label={`Median time of ${plural(trend.length, "step")} of the range`} times={times} series={series} format={formatDuration} height={150} />
    </Suspense>
  );
}

function Stages({ stages }: { stages: PipelineStats["stages"] }) {
  if (stages.length === 0) return <p className="text-muted">The provider reported no stages.</p>;
  return (
    <ul className="space-y-2">
      {stages.map((stage) => (
        <li key={stage.name}>
          <p className="flex items-baseline gap-2">
            <span className="truncate">{stage.name}</span>
            {stage.failures > 0 && <span className="text-xs text-bad">{plural(stage.failures, "failure")}</span>}
            <span className="tabular ml-auto whitespace-nowrap">{formatDuration(stage.mean_critical_ns)}</span>
          </p>
          <div aria-hidden className="mt-1 h-1.5 rounded-full bg-idle-soft">
            <span className="block h-full rounded-full bg-accent" style={{ width: `${stage.critical_share * 100}%` }} />
          </div>
          <p className="mt-0.5 text-2xs text-muted">
            {Math.round(stage.critical_share * 100)} % of what sets the length, p95 {formatDuration(stage.p95_run_ns)}, queued {formatDuration(stage.mean_queue_ns)}
          </p>
        </li>
      ))}
    </ul>
  );
}

function Runners({ runners }: { runners: PipelineStats["runners"] }) {
  return (
    <ul className="space-y-1.5">
      {runners.map((runner) => (
        <li key={runner.label} className="flex items-baseline gap-2">
          <span className="min-w-0 flex-1 truncate">{runner.label || "no label"}</span>
          <span className="text-xs text-muted">
            {plural(runner.jobs, "job")} on {plural(runner.runners_seen, "runner")}, queued {formatDuration(runner.mean_queue_ns)}
          </span>
          <span className="tabular w-12 text-right">{runner.utilisation === null ? "–" : `${Math.round(runner.utilisation * 100)} %`}</span>
        </li>
      ))}
    </ul>
  );
}

function Body({ stats }: { stats: PipelineStats }) {
  const { median, retry } = stats;
  return (
    <>
      {stats.bottleneck && (
        <PanelSection title="Bottleneck">
          <p>
            <span className="font-semibold">{stats.bottleneck.stage}</span> <span className="text-soft">{stats.bottleneck.reason}</span>
          </p>
        </PanelSection>
      )}
      <PanelSection title="Median time over the range">
        <Trend trend={stats.trend} />
      </PanelSection>
      <PanelSection title="A median run" count={formatDuration(median.total_ns)}>
        <SplitBar
          label="A median run"
          parts={[
            { kind: "queue", ns: median.queue_ns },
            { kind: "approval", ns: median.approval_ns },
            { kind: "run", ns: median.execution_ns },
            { kind: "gap", ns: median.between_ns },
            { kind: "finalizing", ns: median.finalizing_ns },
          ]}
        />
      </PanelSection>
      <PanelSection title="Stages by what they add to the length" count={stats.stages.length}>
        <Stages stages={stats.stages} />
      </PanelSection>
      <PanelSection title="Runners and how busy they were" count={stats.runners.length}>
        <Runners runners={stats.runners} />
      </PanelSection>
      <PanelSection title="Done again" count={`${formatDuration(retry.cost_ns)}, ${Math.round(retry.share * 100)} % of all billed time`}>
        <ul className="space-y-1">
          {retry.runs.map((run) => (
            <li key={run.build.id} className="flex items-center gap-2">
              <BuildChip id={run.build.id} />
              <span className="text-xs text-muted">{run.reason === "attempt" ? "another attempt" : "retried jobs"}</span>
              <span className="tabular ml-auto">{formatDuration(run.cost_ns)}</span>
            </li>
          ))}
          {retry.runs.length === 0 && <li className="text-muted">Nothing had to be done again.</li>}
        </ul>
      </PanelSection>
      {stats.flaky_tasks.length > 0 && (
        <PanelSection title="Jobs that changed their mind on one commit" count={stats.flaky_tasks.length}>
          <ul className="space-y-1.5">
            {stats.flaky_tasks.map((task) => (
              <li key={task.name} className="flex flex-wrap items-center gap-1.5">
                <span className="font-medium">{task.name}</span>
                <span className="text-xs text-muted">
                  {task.changed} of {plural(task.reruns, "re-run")}
                </span>
                {task.commits.slice(0, 4).map((sha) => (
                  <CommitChip key={sha} sha={sha} />
                ))}
              </li>
            ))}
          </ul>
        </PanelSection>
      )}
      {stats.stuck.length > 0 && (
        <PanelSection title="Stuck" count={stats.stuck.length}>
          <ul className="space-y-1">
            {stats.stuck.map((run) => (
              <li key={run.build.id} className="flex items-center gap-2">
                <BuildChip id={run.build.id} />
                <span className="text-xs text-warn">silent for {formatDuration(run.silent_ns)}, others take at most {formatDuration(run.limit_ns)}</span>
              </li>
            ))}
          </ul>
        </PanelSection>
      )}
    </>
  );
}

export function PipelinePanel({ pipeline, branch, onClose }: { pipeline: Pipeline; branch?: string; onClose: () => void }) {
  const { params } = useTimeRange();
  const { repo, pipeline: name } = pipeline;
  const query = useQuery(pipelineStatsQuery({ ...params, repo, pipeline: name, branch }));
  return (
    <SidePanel
      label="Pipeline"
      title={
        <>
          {name || "Unnamed pipeline"} <span className="font-normal text-muted">{repo}</span>
        </>
      }
      onClose={onClose}
      actions={
        <Link to="/builds" search={{ repo, pipeline: name }} className={`${buttonClass.base} ${buttonClass.outline}`}>
          Its runs
        </Link>
      }
    >
      {query.isPending && <SkeletonRows rows={5} height={48} />}
      {query.isError && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data && <Body stats={query.data} />}
    </SidePanel>
  );
}
