import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import clsx from "clsx";
import { ExternalLink } from "lucide-react";
import { useMemo } from "react";
import { ApiError } from "@/api/fetcher";
import { buildQuery } from "@/api/queries";
import type { BuildDetail } from "@/api/types";
import { type BuildSearch, buildViews } from "@/app/search";
import { useTimeRange } from "@/app/useTimeRange";
import { AppLink } from "@/components/AppLink";
import { buttonClass } from "@/components/Button";
import { BuildChip, CommitChip, TraceChip } from "@/components/chips";
import { Card, DetailHeader } from "@/components/DetailHeader";
import { EmptyState, ErrorState, SkeletonRows } from "@/components/states";
import { StatusBadge } from "@/components/status";
import { buildLabel, httpUrl, plural } from "@/format/text";
import { BlamePanel } from "../blame/BlamePanel";
import { LineageStrip } from "../lineage/LineageStrip";
import { Compare } from "../pipelines/Compare";
import { Explorer } from "../pipelines/Explorer";
import { ArtifactList, DeploymentList, ErrorList, TestTally } from "./Outcome";
import { RunFacts } from "./RunFacts";
import { TaskTimeline } from "./TaskTimeline";
import { layoutTasks } from "./timeline";

function Commit({ commit }: { commit: BuildDetail["commit"] }) {
  const [subject, ...body] = commit.message.split("\n");
  return (
    <div className="space-y-1.5 p-4">
      <p className="font-medium break-words">{subject || "Message not known"}</p>
      {body.join("").trim() && <p className="whitespace-pre-line break-words text-soft">{body.join("\n").trim()}</p>}
      <p className="flex flex-wrap items-center gap-1.5 text-xs text-muted">
        <CommitChip sha={commit.sha} />
        {commit.author}
        {httpUrl(commit.url) && (
          <AppLink href={commit.url} className="inline-flex items-center gap-1 hover:text-fg hover:underline">
            at the provider <ExternalLink size={11} aria-hidden />
          </AppLink>
        )}
      </p>
    </div>
  );
}

function Attempts({ ids, present }: { ids: string[]; present: string }) {
  return (
    <div className="flex flex-wrap gap-1.5 p-4">
      {ids.map((id) =>
        id === present ? (
          <span key={id} className="mono inline-flex h-5 items-center rounded bg-selected px-1.5 font-medium">
            {buildLabel(id)} (this one)
          </span>
        ) : (
          <BuildChip key={id} id={id} />
        ),
      )}
    </div>
  );
}

const viewWords: Record<(typeof buildViews)[number], string> = {
  pipeline: "Pipeline",
  timeline: "Timeline",
  compare: "Compare with last green",
};

function Views({ view, set }: { view: (typeof buildViews)[number]; set: (change: Partial<BuildSearch>) => void }) {
  return (
    <div role="group" aria-label="How the run is shown" className="flex w-fit gap-0.5 rounded-lg border border-line bg-panel p-0.5">
      {buildViews.map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={one === view}
          onClick={() => set({ view: one === "pipeline" ? undefined : one })}
          className={clsx("h-6 rounded-md px-2.5 text-xs font-medium", one === view ? "bg-selected text-fg" : "text-muted hover:text-fg")}
        >
          {viewWords[one]}
        </button>
      ))}
    </div>
  );
}

function Timeline({ build }: { build: BuildDetail }) {
  const timeline = useMemo(() => layoutTasks(build.tasks, build.created_at), [build.tasks, build.created_at]);
  const jobs = build.tasks.filter((task) => task.kind === "job").length;
  return (
    <Card title="Tasks" count={`${plural(jobs, "job")}, ${plural(build.tasks.length - jobs, "step")}`}>
      <TaskTimeline timeline={timeline} />
    </Card>
  );
}

const failures = new Set(["failure", "timeout"]);

function Body({ build }: { build: BuildDetail }) {
  const { view = "pipeline", task, with: base } = useSearch({ from: "/builds/$buildId" });
  const navigate = useNavigate({ from: "/builds/$buildId" });
  const set = (change: Partial<BuildSearch>) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <div className="grid gap-4 p-4 @5xl/main:grid-cols-[minmax(0,1fr)_22rem]">
      <div className="min-w-0 space-y-4">
        <Views view={view} set={set} />
        {view === "pipeline" && <Explorer buildId={build.id} traceId={build.trace_id} chosen={task} choose={(id) => set({ task: id })} />}
        {view === "timeline" && <Timeline build={build} />}
        {view === "compare" && <Compare buildId={build.id} base={base} />}
        {failures.has(build.status) && <BlamePanel params={{ build: build.id }} />}
        <Card title="Errors seen on this build" count={build.errors.length}>
          <div className="p-4">
            <ErrorList errors={build.errors} />
          </div>
        </Card>
      </div>
      <div className="min-w-0 space-y-4">
        <Card title="Commit">
          <Commit commit={build.commit} />
        </Card>
        <Card title="Tests" count={build.tests.total > 0 ? build.tests.total : undefined}>
          <div className="p-4">
            <TestTally tests={build.tests} />
          </div>
        </Card>
        <Card title="Artifacts" count={build.artifacts.length}>
          <div className="p-4">
            <ArtifactList artifacts={build.artifacts} />
          </div>
        </Card>
        <Card title="Deployments" count={build.deployments.length}>
          <div className="p-4">
            <DeploymentList deployments={build.deployments} />
          </div>
        </Card>
        {build.attempts.length > 1 && (
          <Card title="Attempts" count={build.attempts.length}>
            <Attempts ids={build.attempts} present={build.id} />
          </Card>
        )}
      </div>
    </div>
  );
}

function NotFound({ id }: { id: string }) {
  return (
    <EmptyState
      title="No such build"
      actions={
        <Link to="/builds" className={`${buttonClass.base} ${buttonClass.primary}`}>
          All builds
        </Link>
      }
    >
      <span className="mono break-all">{id}</span> was never reported, or is older than the retention.
    </EmptyState>
  );
}

const active = new Set(["queued", "waiting", "running"]);

export function BuildPage() {
  const { buildId } = useParams({ from: "/builds/$buildId" });
  const { refetchInterval } = useTimeRange();
  const query = useQuery({
    ...buildQuery(buildId),
    // A run that hasn't ended is followed whether or not the page is live.
    refetchInterval: ({ state }) => (state.data && active.has(state.data.status) ? 5_000 : refetchInterval),
  });
  if (query.isPending) return <SkeletonRows height={40} />;
  if (query.error instanceof ApiError && query.error.status === 404) return <NotFound id={buildId} />;
  if (!query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const build = query.data;
  return (
    <>
      <DetailHeader
        parent={{ to: "/builds", label: "Builds" }}
        id={build.id}
        idLabel="build id"
        badge={<StatusBadge status={build.status} />}
        title={
          <>
            {build.pipeline || build.name} <span className="mono font-medium text-muted">{buildLabel(build.id)}</span>
          </>
        }
        subtitle={
          <span className="text-muted">
            {build.repo}
            {build.name && build.name !== build.pipeline && ` · ${build.name}`}
          </span>
        }
        actions={
          <>
            <CommitChip sha={build.commit_sha} />
            <TraceChip id={build.trace_id} />
            {httpUrl(build.url) && (
              <AppLink href={build.url} className="inline-flex items-center gap-1 hover:text-fg hover:underline">
                {build.provider} <ExternalLink size={11} aria-hidden />
              </AppLink>
            )}
          </>
        }
      >
        <RunFacts run={build} />
      </DetailHeader>
      <LineageStrip subject="build" id={build.id} />
      <Body build={build} />
    </>
  );
}
