import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { Dora } from "@/api/analysis";
import { doraQuery } from "@/api/queries";
import { useRowKeys } from "@/app/keyboard";
import { doraMetrics, type DoraSearch } from "@/app/search";
import { useTimeRange } from "@/app/useTimeRange";
import { FilterInput, FilterSelect } from "@/components/filters";
import { PageTitle } from "@/components/PageTitle";
import { ListLayout } from "@/components/SidePanel";
import { ErrorState, Marks, SkeletonRows } from "@/components/states";
import { plural } from "@/format/text";
import { NothingHere } from "../onboarding/NothingHere";
import { DeploymentPanel } from "./DeploymentPanel";
import { DeploymentTable } from "./DeploymentTable";
import { behind } from "./metrics";
import { Metrics } from "./Metrics";

type SetFilter = (change: Partial<DoraSearch>, replace?: boolean) => void;

const basisWords: Record<keyof Dora["basis"], string> = {
  incident: "linked incident",
  rollback: "rollback",
  revert: "revert commit",
  hotfix: "hotfix label",
  alert: "alert in the window",
};

/** Basis says on what the verdicts of failure rest, the surest first. */
function Basis({ basis }: { basis: Dora["basis"] }) {
  const total = Object.values(basis).reduce((sum, one) => sum + one, 0);
  if (total === 0) return null;
  return (
    <p className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 pb-3 text-xs text-muted">
      Failures by evidence:
      {(Object.keys(basisWords) as (keyof Dora["basis"])[]).map(
        (kind) =>
          basis[kind] > 0 && (
            <span key={kind}>
              {basisWords[kind]} <span className="tabular text-fg">{basis[kind]}</span>
            </span>
          ),
      )}
    </p>
  );
}

function Filters({ search, set }: { search: DoraSearch; set: SetFilter }) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <FilterInput primary label="service" value={search.service} placeholder="all" onChange={(service) => set({ service })} className="w-40" />
      <FilterInput label="environment" value={search.environment} placeholder="production" onChange={(environment) => set({ environment })} className="w-36" />
      <FilterInput label="repository" value={search.repo} placeholder="owner/name" onChange={(repo) => set({ repo })} className="w-44" />
      <FilterSelect label="behind" value={search.metric} options={doraMetrics} onChange={(metric) => set({ metric: metric as DoraSearch["metric"] })} />
    </div>
  );
}

function Board({ dora, search, set }: { dora: Dora; search: DoraSearch; set: SetFilter }) {
  const listed = behind(dora.deployments, search.metric);
  return (
    <>
      <Metrics dora={dora} chosen={search.metric} choose={(metric) => set({ metric: metric === search.metric ? undefined : metric })} />
      <Basis basis={dora.basis} />
      <h2 className="border-t border-line px-4 py-2 font-semibold">
        {search.metric ? `Behind ${search.metric.replaceAll("_", " ")}` : "Deployments"}{" "}
        <span className="text-xs font-normal text-muted">{listed.length}</span>
      </h2>
      {listed.length > 0 ? (
        <DeploymentTable deployments={listed} open={search.open} />
      ) : (
        <p className="px-4 pb-6 text-muted">No deployment of the range counts in this metric.</p>
      )}
    </>
  );
}

/** DoraPage is the board of the five delivery metrics. Each number can be clicked down to its deployments. */
export function DoraPage() {
  const search = useSearch({ from: "/dora" });
  const navigate = useNavigate({ from: "/dora" });
  const { params } = useTimeRange();
  const { service, environment, repo, open } = search;
  const query = useQuery(doraQuery({ ...params, service, environment, repo }));
  const set: SetFilter = (change, replace = false) => void navigate({ search: (before) => ({ ...before, ...change }), replace });
  const close = () => set({ open: undefined }, true);
  useRowKeys({ onMove: (row) => open && row.click(), onClose: () => open && close() });
  const dora = query.data;
  const shown = dora?.deployments.find((one) => `${one.id} ${one.service}` === open);
  const filters = [service, environment, repo].filter(Boolean).length;
  return (
    <ListLayout
      header={
        <PageTitle title="Delivery" note={dora && plural(dora.deployments.length, "deployment")} marks={<Marks partial={dora?.partial} />}>
          <Filters search={search} set={set} />
        </PageTitle>
      }
      panel={shown && <DeploymentPanel key={open} deployment={shown} onClose={close} />}
    >
      {query.isPending && <SkeletonRows rows={6} height={120} />}
      {query.isError && !dora && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {dora && dora.deployments.length === 0 && <NothingHere what="deployments" signal="deployments" filters={filters} />}
      {dora && dora.deployments.length > 0 && <Board dora={dora} search={search} set={set} />}
    </ListLayout>
  );
}
