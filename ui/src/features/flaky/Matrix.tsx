import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import type { FlakyMatrix, MatrixRun } from "@/api/analysis";
import type { Params } from "@/api/fetcher";
import { flakyMatrixQuery } from "@/api/queries";
import { EmptyState, ErrorState, Marks, SkeletonRows } from "@/components/states";
import { buildLabel } from "@/format/text";
import { cellLooks, looksOf, tally } from "./cells";
import { StateBadge } from "./TestState";

const dropped: Record<string, string> = {
  mass_failure: "left out: too much failed at once",
  infrastructure: "left out: the CI system failed",
};

function runTitle(run: MatrixRun): string {
  return [`${buildLabel(run.build_id)} on ${run.branch}`, run.status, dropped[run.dropped_reason]].filter(Boolean).join(", ");
}

function Legend() {
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1 text-2xs text-muted">
      {["p", "f", "F", "e", "s"].map((letter) => {
        const look = cellLooks[letter];
        return (
          look && (
            <li key={letter} className="flex items-center gap-1.5">
              <span aria-hidden className={clsx("flex size-3 items-center justify-center rounded-[2px] leading-none", look.className)}>
                {look.mark}
              </span>
              {look.word}
            </li>
          )
        );
      })}
      <li>A faded column is no evidence: too much failed at once, or the CI system did.</li>
    </ul>
  );
}

function Head({ runs }: { runs: MatrixRun[] }) {
  return (
    <div className="flex h-4">
      {runs.map((run) => (
        <Link
          key={run.build_id}
          to="/builds/$buildId"
          params={{ buildId: run.build_id }}
          title={runTitle(run)}
          aria-label={runTitle(run)}
          className="flex flex-1 items-end px-px"
        >
          <span
            className={clsx("w-full rounded-t-[2px]", run.dropped_reason ? "bg-line" : run.failed_share > 0 ? "bg-bad-fill" : "bg-ok")}
            style={{ height: `${Math.max(15, run.failed_share * 100)}%` }}
          />
        </Link>
      ))}
    </div>
  );
}

function Rows({ matrix, open, choose }: { matrix: FlakyMatrix; open?: string; choose: (id: string) => void }) {
  const { runs, tests } = matrix;
  return (
    <ul>
      {tests.map((test) => (
        <li key={test.test_id} className={clsx("flex h-6 items-center", test.test_id === open && "bg-selected")}>
          <button
            type="button"
            onClick={() => choose(test.test_id)}
            title={`${test.suite} › ${test.name}`}
            className="flex w-72 shrink-0 items-center gap-2 overflow-hidden px-4 text-left hover:underline"
          >
            <StateBadge state={test.state} />
            <span className="truncate">{test.name}</span>
          </button>
          <span role="img" aria-label={`${test.name}: ${tally(test.cells)}`} className="flex h-4 min-w-0 flex-1 pr-4">
            {looksOf(test.cells, runs.length).map((look, index) => (
              <span key={runs[index]?.build_id} className={clsx("flex-1 px-px", runs[index]?.dropped_reason && "opacity-35")}>
                <span
                  title={`${look.word} in ${runs[index] ? runTitle(runs[index]) : "a run"}`}
                  className={clsx("flex h-full w-full items-center justify-center overflow-hidden rounded-[2px] text-[9px] leading-none", look.className)}
                >
                  {look.mark}
                </span>
              </span>
            ))}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** Matrix shows tests against runs, oldest run at the left: flakiness is seen as specks, a regression as a block. */
export function Matrix({ params, open, choose }: { params: Params; open?: string; choose: (id: string) => void }) {
  const query = useQuery(flakyMatrixQuery({ ...params, tests: 30, runs: 60 }));
  if (query.isPending) return <SkeletonRows rows={6} height={24} />;
  if (!query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const matrix = query.data;
  if (matrix.tests.length === 0 || matrix.runs.length === 0) {
    return <EmptyState title="No test to show">Reports that name their tests fill this: see the receiver for test reports.</EmptyState>;
  }
  return (
    <div className="space-y-2 py-3">
      <div className="flex items-center gap-3 px-4">
        <Legend />
        <Marks partial={matrix.partial} />
      </div>
      <div className="flex">
        <span className="w-72 shrink-0 px-4 text-2xs text-muted">share of failed tests per run</span>
        <div className="min-w-0 flex-1 pr-4">
          <Head runs={matrix.runs} />
        </div>
      </div>
      <Rows matrix={matrix} open={open} choose={choose} />
    </div>
  );
}
