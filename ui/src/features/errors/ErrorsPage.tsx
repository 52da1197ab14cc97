import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { errorsQuery, servicesQuery } from "@/api/queries";
import { useRowKeys } from "@/app/keyboard";
import type { ErrorsSearch } from "@/app/search";
import { useTimeRange } from "@/app/useTimeRange";
import { FilterChip, FilterInput } from "@/components/filters";
import { ListFrame, pageItems, pageMarks } from "@/components/ListFrame";
import { PageTitle } from "@/components/PageTitle";
import { ListLayout } from "@/components/SidePanel";
import { Marks } from "@/components/states";
import { buildLabel, plural, shortSha } from "@/format/text";
import { NothingHere } from "../onboarding/NothingHere";
import { ErrorPanel } from "./ErrorPanel";
import { ErrorTable, isOpen } from "./ErrorTable";

function useFilters() {
  const search = useSearch({ from: "/errors" });
  const navigate = useNavigate({ from: "/errors" });
  const set = (change: Partial<ErrorsSearch>, replace = false) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace });
  const { service, environment, build_run_id, commit_sha } = search;
  const filters = { service, environment, build_run_id, commit_sha };
  return { search, set, filters, count: Object.values(filters).filter(Boolean).length };
}

function Filters({ search, set }: Pick<ReturnType<typeof useFilters>, "search" | "set">) {
  const { params } = useTimeRange();
  const { data } = useQuery(servicesQuery({ ...params, limit: 200 }));
  const names = (pick: "service" | "environment") => [...new Set(data?.items.map((item) => item[pick]).filter(Boolean))];
  return (
    <div className="flex flex-wrap items-center gap-2">
      <FilterInput
        primary
        label="service"
        value={search.service}
        placeholder="any"
        suggestions={names("service")}
        onChange={(service) => set({ service })}
        className="w-44"
      />
      <FilterInput
        label="environment"
        value={search.environment}
        placeholder="any"
        suggestions={names("environment")}
        onChange={(environment) => set({ environment })}
        className="w-44"
      />
      <FilterInput
        label="commit"
        value={search.commit_sha}
        placeholder="any"
        onChange={(commit_sha) => set({ commit_sha })}
        className="w-40"
      />
      {search.commit_sha && search.commit_sha.length > 12 && (
        <span className="sr-only">Commit {shortSha(search.commit_sha)}</span>
      )}
      {search.build_run_id && (
        <FilterChip
          label="build"
          value={`${buildLabel(search.build_run_id)} ${search.build_run_id.split(":")[2] ?? ""}`}
          onClear={() => set({ build_run_id: undefined })}
        />
      )}
    </div>
  );
}

export function ErrorsPage() {
  const { params, refetchInterval } = useTimeRange();
  const { search, set, filters, count } = useFilters();
  const query = useInfiniteQuery({ ...errorsQuery({ ...params, ...filters }), refetchInterval });
  const items = pageItems(query);
  const close = () => set({ open: undefined, open_service: undefined, open_environment: undefined }, true);
  useRowKeys({
    onMove: (row) => search.open && row.click(),
    onClose: () => search.open && close(),
  });
  const chosen = items.find((item) => isOpen(item, search));
  return (
    <ListLayout
      header={
        <PageTitle
          title="Errors"
          note={items.length > 0 && `${plural(items.length, "group")}${query.hasNextPage ? " shown, more below" : ""}`}
          marks={<Marks {...pageMarks(query)} />}
        >
          <Filters search={search} set={set} />
        </PageTitle>
      }
      panel={
        search.open && (
          <ErrorPanel
            key={`${search.open} ${search.open_service} ${search.open_environment}`}
            fingerprint={search.open}
            service={search.open_service}
            environment={search.open_environment}
            known={chosen}
            onClose={close}
          />
        )
      }
    >
      <ListFrame query={query} rowHeight={56} empty={<NothingHere what="errors" signal="errors" filters={count} />}>
        {(groups) => <ErrorTable groups={groups} open={search} />}
      </ListFrame>
    </ListLayout>
  );
}
