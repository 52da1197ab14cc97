import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { tracesQuery } from "@/api/queries";
import { useRowKeys } from "@/app/keyboard";
import type { TracesSearch } from "@/app/search";
import { useTimeRange } from "@/app/useTimeRange";
import { ListFrame, pageItems, pageMarks } from "@/components/ListFrame";
import { PageTitle } from "@/components/PageTitle";
import { ListLayout } from "@/components/SidePanel";
import { Marks } from "@/components/states";
import { plural } from "@/format/text";
import { NothingHere } from "../onboarding/NothingHere";
import { TraceFilters } from "./TraceFilters";
import { TraceTable } from "./TraceTable";

export function TracesPage() {
  const { from: _from, to: _to, live: _live, ...search } = useSearch({ from: "/traces" });
  const navigate = useNavigate({ from: "/traces" });
  const { params, refetchInterval } = useTimeRange();
  const query = useInfiniteQuery({ ...tracesQuery({ ...params, ...search }), refetchInterval });
  const items = pageItems(query);
  const set = (change: Partial<TracesSearch>) => void navigate({ search: (before) => ({ ...before, ...change }) });
  const filters = Object.values(search).filter((value) => value !== undefined).length;
  useRowKeys({});
  return (
    <ListLayout
      header={
        <PageTitle
          title="Traces"
          note={items.length > 0 && `${plural(items.length, "trace")}${query.hasNextPage ? " shown, more below" : ""}`}
          marks={<Marks {...pageMarks(query)} />}
        >
          <TraceFilters search={search} set={set} />
        </PageTitle>
      }
    >
      <ListFrame query={query} rowHeight={48} empty={<NothingHere what="traces" signal="traces" filters={filters} />}>
        {(traces) => <TraceTable traces={traces} />}
      </ListFrame>
    </ListLayout>
  );
}
