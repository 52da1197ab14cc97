import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import clsx from "clsx";
import { type FlakyPage as Answer, type FlakyTest, testStates } from "@/api/analysis";
import { flakyTestsQuery } from "@/api/queries";
import { useRowKeys } from "@/app/keyboard";
import type { FlakySearch } from "@/app/search";
import { useTimeRange } from "@/app/useTimeRange";
import { FilterInput, FilterSelect } from "@/components/filters";
import { ListFrame, pageItems, pageMarks } from "@/components/ListFrame";
import { PageTitle } from "@/components/PageTitle";
import { ListLayout } from "@/components/SidePanel";
import { Marks } from "@/components/states";
import { Ago } from "@/components/Time";
import { plural } from "@/format/text";
import { formatDuration } from "@/format/time";
import { NothingHere } from "../onboarding/NothingHere";
import { FlakyPanel } from "./FlakyPanel";
import { Matrix } from "./Matrix";
import { StateBadge } from "./TestState";

const head = "h-8 px-2 text-left text-2xs font-medium text-muted whitespace-nowrap";

type SetFilter = (change: Partial<FlakySearch>, replace?: boolean) => void;

function Filters({ search, set }: { search: FlakySearch; set: SetFilter }) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <FilterInput primary label="test" value={search.name} placeholder="part of its name" onChange={(name) => set({ name })} className="w-48" />
      <FilterInput label="repository" value={search.repo} placeholder="owner/name" onChange={(repo) => set({ repo })} className="w-44" />
      <FilterInput label="branch" value={search.branch} placeholder="any" onChange={(branch) => set({ branch })} className="w-36" />
      <FilterInput label="owner" value={search.owner} placeholder="anybody" onChange={(owner) => set({ owner })} className="w-36" />
      <FilterSelect label="state" value={search.state} options={testStates} onChange={(state) => set({ state: state as FlakySearch["state"] })} />
    </div>
  );
}

function Row({ test, open }: { test: FlakyTest; open?: string }) {
  const chosen = test.test_id === open;
  return (
    <tr className={clsx("relative h-13 border-b border-line", chosen ? "bg-selected" : "hover:bg-hover")}>
      <td className="pr-2 pl-4">
        <StateBadge state={test.state} />
      </td>
      <td className="overflow-hidden px-2">
        <Link
          from="/flaky"
          to="."
          search={(before) => ({ ...before, open: test.test_id })}
          replace={open !== undefined}
          data-row={test.test_id}
          data-selected={chosen}
          className="row-link block truncate font-semibold"
        >
          {test.name}
        </Link>
        <span className="block truncate text-xs text-muted">{test.suite}</span>
      </td>
      <td className="hidden overflow-hidden px-2 @3xl/list:table-cell">
        <span className="block truncate text-soft">{test.owner || "–"}</span>
      </td>
      <td className="px-2">
        <span className="tabular">{(test.score * 100).toFixed(1)} %</span>
        <span className="block text-xs text-muted">{plural(test.flakes, "flake")}</span>
      </td>
      <td className="hidden px-2 text-right tabular @2xl/list:table-cell">
        {test.failures} <span className="text-muted">of {test.runs}</span>
      </td>
      <td className="hidden px-2 text-right tabular @4xl/list:table-cell">{formatDuration(test.lost_ns)}</td>
      <td className="px-2 pr-4 text-right whitespace-nowrap">
        <Ago at={test.last_flake_at ?? test.last_failure_at} />
      </td>
    </tr>
  );
}

function Table({ tests, open }: { tests: FlakyTest[]; open?: string }) {
  return (
    <table className="w-full table-fixed border-collapse border-t border-line">
      <thead className="sticky top-0 z-2 bg-panel shadow-[inset_0_-1px_0_var(--c-line)]">
        <tr>
          <th className={clsx(head, "w-24 pl-4")}>State</th>
          <th className={head}>Test</th>
          <th className={clsx(head, "hidden w-36 @3xl/list:table-cell")}>Owner</th>
          <th className={clsx(head, "w-24")}>Fails by chance</th>
          <th className={clsx(head, "hidden w-24 text-right! @2xl/list:table-cell")}>Failed</th>
          <th className={clsx(head, "hidden w-24 text-right! @4xl/list:table-cell")}>Lost</th>
          <th className={clsx(head, "w-24 pr-4 text-right!")}>Last</th>
        </tr>
      </thead>
      <tbody>
        {tests.map((test) => (
          <Row key={test.test_id} test={test} open={open} />
        ))}
      </tbody>
    </table>
  );
}

function summaryWords(summary: Answer["summary"] | undefined): string | undefined {
  if (!summary || summary.tests === 0) return undefined;
  const left = summary.dropped_runs.mass_failure + summary.dropped_runs.infrastructure;
  const runs = left > 0 ? `, ${plural(left, "run")} left out as no evidence` : "";
  return `${plural(summary.tests, "test")}: ${summary.flaky} flaky, ${summary.broken} broken${runs}`;
}

/** FlakyPage is the radar: which tests fail by chance, on what evidence, whose they are. */
export function FlakyPage() {
  const search = useSearch({ from: "/flaky" });
  const navigate = useNavigate({ from: "/flaky" });
  const { params } = useTimeRange();
  const { repo, branch, owner, state, name, open } = search;
  const filters = { repo, branch, owner, state, name };
  const query = useInfiniteQuery(flakyTestsQuery({ ...params, ...filters }));
  const set: SetFilter = (change, replace = false) => void navigate({ search: (before) => ({ ...before, ...change }), replace });
  const close = () => set({ open: undefined }, true);
  useRowKeys({ onMove: (row) => open && row.click(), onClose: () => open && close() });
  const some = pageItems(query).length > 0;
  return (
    <ListLayout
      header={
        <PageTitle title="Flaky tests" note={summaryWords(query.data?.pages[0]?.summary)} marks={<Marks {...pageMarks(query)} />}>
          <Filters search={search} set={set} />
        </PageTitle>
      }
      panel={open && <FlakyPanel key={open} id={open} params={{ ...params, repo }} onClose={close} />}
    >
      {some && <Matrix params={{ ...params, repo, branch, state, owner }} open={open} choose={(id) => set({ open: id }, open !== undefined)} />}
      <ListFrame
        query={query}
        rowHeight={52}
        empty={<NothingHere what="tests" signal="builds" filters={Object.values(filters).filter(Boolean).length} />}
      >
        {(tests) => <Table tests={tests} open={open} />}
      </ListFrame>
    </ListLayout>
  );
}
