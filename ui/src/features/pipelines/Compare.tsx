import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import { ApiError } from "@/api/fetcher";
import type { BuildCompare, TaskChange, TestRef } from "@/api/analysis";
import { compareQuery } from "@/api/queries";
import { BuildChip, CommitChip } from "@/components/chips";
import { Card } from "@/components/DetailHeader";
import { EmptyState, ErrorState, Marks, SkeletonRows } from "@/components/states";
import { StatusIcon, type Tone, toneSoft } from "@/components/status";
import { formatDuration } from "@/format/time";

const changes: Record<TaskChange, { word: string; tone: Tone }> = {
  broken: { word: "broken", tone: "bad" },
  fixed: { word: "fixed", tone: "ok" },
  slower: { word: "slower", tone: "warn" },
  faster: { word: "faster", tone: "ok" },
  same: { word: "as before", tone: "idle" },
  new: { word: "new", tone: "run" },
  gone: { word: "gone", tone: "idle" },
};

/** delta writes a difference with its sign. */
export function delta(ns: number | null): string {
  if (ns === null) return "–";
  if (ns === 0) return "±0";
  return `${ns > 0 ? "+" : "−"}${formatDuration(Math.abs(ns))}`;
}

function Bars({ before, after, most }: { before: number | null; after: number | null; most: number }) {
  const part = (ns: number | null) => `${((ns ?? 0) / most) * 100}%`;
  return (
    <span aria-hidden className="block w-full space-y-0.5">
      <span className="block h-1.5 rounded-full bg-line-strong" style={{ width: part(before) }} />
      <span className="block h-1.5 rounded-full bg-accent" style={{ width: part(after) }} />
    </span>
  );
}

function Tasks({ tasks }: { tasks: BuildCompare["tasks"] }) {
  const most = Math.max(1, ...tasks.flatMap((task) => [task.run_ns ?? 0, task.base_run_ns ?? 0]));
  return (
    <table className="w-full table-fixed border-collapse">
      <thead>
        <tr className="h-8 text-left text-2xs font-medium text-muted">
          <th className="px-4 font-medium">Job</th>
          <th className="w-24 px-2 font-medium">Change</th>
          <th className="w-44 px-2 font-medium">Before and now</th>
          <th className="w-40 px-4 text-right! font-medium">Time</th>
        </tr>
      </thead>
      <tbody>
        {tasks.map((task) => {
          const look = changes[task.change];
          return (
            <tr key={`${task.stage} ${task.name} ${task.task_id} ${task.base_task_id}`} className="h-10 border-t border-line">
              <td className="px-4">
                <span className="flex items-center gap-1.5">
                  <StatusIcon status={task.status || task.base_status} size={13} />
                  <span className="truncate">{task.name}</span>
                </span>
              </td>
              <td className="px-2">
                <span className={clsx("inline-flex h-5 items-center rounded-full px-2 text-2xs font-medium", toneSoft[look.tone])}>{look.word}</span>
              </td>
              <td className="px-2">
                <Bars before={task.base_run_ns} after={task.run_ns} most={most} />
              </td>
              <td className="px-4 text-right whitespace-nowrap">
                {task.run_ns === null ? "–" : formatDuration(task.run_ns)} <span className="text-xs text-muted">{delta(task.delta_ns)}</span>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Tests({ title, tests }: { title: string; tests: TestRef[] }) {
  if (tests.length === 0) return null;
  return (
    <section className="px-4 py-2">
      <h3 className="text-xs font-semibold text-soft">
        {title} <span className="font-normal text-muted">{tests.length}</span>
      </h3>
      <ul className="mt-1 space-y-1">
        {tests.map((test) => (
          <li key={test.test_id} className="min-w-0">
            <Link to="/flaky" search={{ open: test.test_id }} className="block truncate hover:underline">
              <span className="text-muted">{test.suite} › </span>
              {test.name}
            </Link>
            {test.message && <p className="truncate text-xs text-bad">{test.message}</p>}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Compare shows what changed since another run: by itself the last green one of the same pipeline and branch. */
export function Compare({ buildId, base }: { buildId: string; base?: string }) {
  const query = useQuery(compareQuery(buildId, { with: base }));
  if (query.isPending) return <SkeletonRows rows={6} height={40} />;
  if (query.error instanceof ApiError && query.error.status === 404) return <EmptyState title="Nothing to compare">One of the two runs isn't known.</EmptyState>;
  if (!query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const compare = query.data;
  if (!compare.base) return <EmptyState title="No green run to compare with">{compare.base_reason}</EmptyState>;
  const { tests } = compare;
  const changed = tests.newly_failing.length + tests.still_failing.length + tests.fixed.length;
  return (
    <div className="space-y-4">
      <p className="flex flex-wrap items-center gap-2">
        Compared with <BuildChip id={compare.base.id} />
        <span className="text-muted">{compare.base_reason}</span>
        <span className="font-medium">{delta(compare.duration_delta_ns)}</span>
        <Marks partial={compare.partial} />
      </p>
      <Card title="Jobs" count={compare.tasks.length}>
        <Tasks tasks={compare.tasks} />
      </Card>
      <Card title="Tests" count={`${tests.new} new, ${tests.gone} gone`}>
        {changed === 0 ? <p className="p-4 text-muted">No test began or ceased to fail.</p> : null}
        <Tests title="Began to fail" tests={tests.newly_failing} />
        <Tests title="Still fail" tests={tests.still_failing} />
        <Tests title="Fixed" tests={tests.fixed} />
      </Card>
      <Card title="Commits since" count={compare.commits.length}>
        <ul className="divide-y divide-line px-4">
          {compare.commits.map((commit) => (
            <li key={commit.sha} className="flex items-center gap-2 py-2">
              <CommitChip sha={commit.sha} />
              <span className="min-w-0 flex-1 truncate">{commit.message.split("\n")[0]}</span>
              <span className="text-xs text-muted">{commit.author}</span>
            </li>
          ))}
          {compare.commits.length === 0 && <li className="py-3 text-muted">No commit between the two is known.</li>}
        </ul>
      </Card>
    </div>
  );
}
