import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import clsx from "clsx";
import type { Pipeline } from "@/api/analysis";
import { pipelinesQuery } from "@/api/queries";
import { useRowKeys } from "@/app/keyboard";
import type { PipelinesSearch } from "@/app/search";
import { useTimeRange } from "@/app/useTimeRange";
import { FilterInput } from "@/components/filters";
import { PageTitle } from "@/components/PageTitle";
import { ListLayout } from "@/components/SidePanel";
import { ErrorState, Marks, SkeletonRows } from "@/components/states";
import { StatusBadge } from "@/components/status";
import { Ago } from "@/components/Time";
import { buildLabel, formatCount, plural } from "@/format/text";
import { formatDuration } from "@/format/time";
import { NothingHere } from "../onboarding/NothingHere";
import { PipelinePanel } from "./PipelinePanel";

const head = "h-8 px-2 text-left text-2xs font-medium text-muted whitespace-nowrap";

export function pipelineKey({ repo, pipeline }: { repo: string; pipeline: string }): string {
  return `${repo} ${pipeline}`;
}

function Row({ item, open, most }: { item: Pipeline; open?: string; most: number }) {
  const key = pipelineKey(item);
  const chosen = key === open;
  return (
    <tr className={clsx("relative h-13 border-b border-line", chosen ? "bg-selected" : "hover:bg-hover")}>
      <td className="overflow-hidden pr-2 pl-4">
        <Link
          from="/pipelines"
          to="."
          search={(before) => ({ ...before, open: key })}
          replace={open !== undefined}
          data-row={key}
          data-selected={chosen}
          className="row-link block truncate font-semibold"
        >
          {item.pipeline || "Unnamed pipeline"}
        </Link>
        <span className="block truncate text-xs text-muted">{item.repo}</span>
      </td>
      <td className="hidden px-2 @2xl/list:table-cell">
        <span className="flex items-center gap-2">
          <StatusBadge status={item.last_run.status} />
          <span className="mono text-muted">{buildLabel(item.last_run.id)}</span>
        </span>
      </td>
      <td className="px-2 text-right tabular">{formatCount(item.runs)}</td>
      <td className="hidden px-2 text-right tabular @3xl/list:table-cell">
        {item.success_rate === null ? "–" : `${Math.round(item.success_rate * 100)} %`}
        {item.failed > 0 && <span className="block text-xs text-bad">{item.failed} failed</span>}
      </td>
      <td className="px-2">
        <div title={`median ${formatDuration(item.median_duration_ns)}, nine of ten within ${formatDuration(item.p90_duration_ns)}`}>
          <div aria-hidden className="relative h-1.5 w-full overflow-hidden rounded-full bg-idle-soft">
            <span className="absolute inset-y-0 left-0 rounded-full bg-accent-soft" style={{ width: `${(item.p90_duration_ns / most) * 100}%` }} />
            <span className="absolute inset-y-0 left-0 rounded-full bg-accent" style={{ width: `${(item.median_duration_ns / most) * 100}%` }} />
          </div>
          <span className="mt-1 block text-xs whitespace-nowrap">
            {formatDuration(item.median_duration_ns)} <span className="text-muted">p90 {formatDuration(item.p90_duration_ns)}</span>
          </span>
        </div>
      </td>
      <td className="px-2 pr-4 text-right whitespace-nowrap">
        <Ago at={item.last_run.created_at} />
      </td>
    </tr>
  );
}

function Table({ items, open }: { items: Pipeline[]; open?: string }) {
  const most = Math.max(1, ...items.map((item) => item.p90_duration_ns));
  return (
    <table className="w-full table-fixed border-collapse">
      <thead className="sticky top-0 z-2 bg-panel shadow-[inset_0_-1px_0_var(--c-line)]">
        <tr>
          <th className={clsx(head, "pl-4")}>Pipeline</th>
          <th className={clsx(head, "hidden w-40 @2xl/list:table-cell")}>Last run</th>
          <th className={clsx(head, "w-16 text-right!")}>Runs</th>
          <th className={clsx(head, "hidden w-24 text-right! @3xl/list:table-cell")}>Green</th>
          <th className={clsx(head, "w-44")}>Time</th>
          <th className={clsx(head, "w-24 pr-4 text-right!")}>Last</th>
        </tr>
      </thead>
      <tbody>
        {items.map((item) => (
          <Row key={pipelineKey(item)} item={item} open={open} most={most} />
        ))}
      </tbody>
    </table>
  );
}

/** PipelinesPage lists what builds, how often it is green and how long it takes. */
export function PipelinesPage() {
  const { repo, branch, open } = useSearch({ from: "/pipelines" });
  const navigate = useNavigate({ from: "/pipelines" });
  const { params, refetchInterval } = useTimeRange();
  const query = useQuery({ ...pipelinesQuery({ ...params, repo }), refetchInterval });
  const set = (change: Partial<PipelinesSearch>, replace = false) => void navigate({ search: (before) => ({ ...before, ...change }), replace });
  const close = () => set({ open: undefined }, true);
  useRowKeys({ onMove: (row) => open && row.click(), onClose: () => open && close() });
  const items = query.data?.items ?? [];
  const shown = items.find((item) => pipelineKey(item) === open);
  return (
    <ListLayout
      header={
        <PageTitle title="Pipelines" note={items.length > 0 && plural(items.length, "pipeline")} marks={<Marks partial={query.data?.partial} />}>
          <div className="flex flex-wrap items-center gap-2">
            <FilterInput primary label="repository" value={repo} placeholder="owner/name" onChange={(value) => set({ repo: value })} className="w-52" />
            <FilterInput label="branch" value={branch} placeholder="any" onChange={(value) => set({ branch: value })} className="w-40" />
          </div>
        </PageTitle>
      }
      panel={shown && <PipelinePanel key={open} pipeline={shown} branch={branch} onClose={close} />}
    >
      {query.isPending && <SkeletonRows height={52} />}
      {query.isError && !query.data && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data && items.length === 0 && <NothingHere what="pipelines" signal="builds" filters={repo ? 1 : 0} />}
      {items.length > 0 && <Table items={items} open={open} />}
    </ListLayout>
  );
}
