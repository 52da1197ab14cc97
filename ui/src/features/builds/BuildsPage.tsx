import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { buildsQuery } from "@/api/queries";
import { useRowKeys } from "@/app/keyboard";
import { buildStatuses, type BuildsSearch } from "@/app/search";
import { useTimeRange } from "@/app/useTimeRange";
import { FilterInput, FilterSelect } from "@/components/filters";
import { ListFrame, pageItems, pageMarks } from "@/components/ListFrame";
import { PageTitle } from "@/components/PageTitle";
import { ListLayout } from "@/components/SidePanel";
import { Marks } from "@/components/states";
import { plural } from "@/format/text";
import { NothingHere } from "../onboarding/NothingHere";
import { BuildPanel } from "./BuildPanel";
import { BuildTable } from "./BuildTable";

type SetFilter = (change: Partial<BuildsSearch>, replace?: boolean) => void;

function Filters({ search, set }: { search: BuildsSearch; set: SetFilter }) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <FilterInput
        primary
        label="repository"
        value={search.repo}
        placeholder="owner/name"
        onChange={(repo) => set({ repo })}
        className="w-52"
      />
      <FilterInput label="pipeline" value={search.pipeline} placeholder="any" onChange={(pipeline) => set({ pipeline })} className="w-40" />
      <FilterInput label="branch" value={search.branch} placeholder="any" onChange={(branch) => set({ branch })} className="w-40" />
      <FilterSelect
        label="status"
        value={search.status}
        options={buildStatuses}
        onChange={(status) => set({ status: status as BuildsSearch["status"] })}
      />
      <FilterInput label="commit" value={search.commit_sha} placeholder="any" onChange={(commit_sha) => set({ commit_sha })} className="w-40" />
    </div>
  );
}

export function BuildsPage() {
  const search = useSearch({ from: "/builds" });
  const navigate = useNavigate({ from: "/builds" });
  const { params, refetchInterval } = useTimeRange();
  const { repo, pipeline, branch, status, commit_sha, open } = search;
  const filters = { repo, pipeline, branch, status, commit_sha };
  const query = useInfiniteQuery({ ...buildsQuery({ ...params, ...filters }), refetchInterval });
  const items = pageItems(query);
  const set: SetFilter = (change, replace = false) => void navigate({ search: (before) => ({ ...before, ...change }), replace });
  const close = () => set({ open: undefined }, true);
  useRowKeys({
    onMove: (row) => open && row.click(),
    onClose: () => open && close(),
  });
  return (
    <ListLayout
      header={
        <PageTitle
          title="Builds"
          note={items.length > 0 && `${plural(items.length, "run")}${query.hasNextPage ? " shown, more below" : ""}`}
          marks={<Marks {...pageMarks(query)} />}
        >
          <Filters search={search} set={set} />
        </PageTitle>
      }
      panel={open && <BuildPanel key={open} id={open} known={items.find((item) => item.id === open)} onClose={close} />}
    >
      <ListFrame
        query={query}
        rowHeight={52}
        empty={<NothingHere what="builds" signal="builds" filters={Object.values(filters).filter(Boolean).length} />}
      >
        {(builds) => <BuildTable builds={builds} open={open} />}
      </ListFrame>
    </ListLayout>
  );
}
