import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { ApiError, type Params } from "@/api/fetcher";
import type { FlakyDetail } from "@/api/analysis";
import { flakyTestQuery } from "@/api/queries";
import { BuildChip, CommitChip, ErrorChip } from "@/components/chips";
import { PanelSection, SidePanel } from "@/components/SidePanel";
import { EmptyState, ErrorState, SkeletonRows } from "@/components/states";
import { Ago } from "@/components/Time";
import { plural } from "@/format/text";
import { formatDuration } from "@/format/time";
import { cellLooks } from "./cells";
import { StateBadge } from "./TestState";

const outcomeLetter: Record<string, string> = { pass: "p", fail: "f", flaky: "F", skip: "s", error: "e", timeout: "e" };

function Outcome({ outcome }: { outcome: string }) {
  const look = cellLooks[outcomeLetter[outcome] ?? "-"];
  return (
    <span
      role="img"
      aria-label={look?.word ?? outcome}
      title={look?.word ?? outcome}
      className={clsx("inline-flex size-4 items-center justify-center rounded-[3px] text-2xs leading-none", look?.className)}
    >
      {look?.mark}
    </span>
  );
}

/** Interval draws the score with its 90 % interval from never to always. */
function Interval({ test }: { test: FlakyDetail }) {
  const percent = (value: number) => `${value * 100}%`;
  const words = `fails in ${(test.score * 100).toFixed(1)} % of runs of code that also passes, between ${(test.score_low * 100).toFixed(1)} and ${(test.score_high * 100).toFixed(1)} %`;
  return (
    <div role="img" aria-label={words}>
      <div className="relative h-3">
        <span className="absolute inset-x-0 top-1/2 h-px bg-line-strong" />
        <span
          className="absolute top-1/2 h-1.5 min-w-1 -translate-y-1/2 rounded-full bg-warn"
          style={{ left: percent(test.score_low), width: percent(test.score_high - test.score_low) }}
        />
        <span className="absolute top-0 h-3 w-0.5 bg-fg" style={{ left: percent(test.score) }} />
      </div>
      <p className="mt-1 text-xs text-muted">It {words}.</p>
    </div>
  );
}

function Evidence({ detail }: { detail: FlakyDetail }) {
  if (detail.evidence.length === 0) return <p className="text-muted">Nothing speaks for flakiness.</p>;
  return (
    <ul className="space-y-3">
      {detail.evidence.map((one) => (
        <li key={`${one.kind} ${one.at} ${one.builds.join()}`} className={clsx("space-y-1", !one.counts && "opacity-60")}>
          <p className="flex flex-wrap items-center gap-1.5">
            {one.outcomes.map((outcome, index) => (
              <Outcome key={`${index} ${outcome}`} outcome={outcome} />
            ))}
            {one.builds.slice(0, 3).map((id) => (
              <BuildChip key={id} id={id} />
            ))}
            <CommitChip sha={one.commit_sha} />
            <Ago at={one.at} className="ml-auto text-xs text-muted" />
          </p>
          <p className="text-soft">{one.text}</p>
          {one.messages.filter(Boolean).map((message) => (
            <p key={message} className="mono truncate text-xs text-bad">
              {message}
            </p>
          ))}
        </li>
      ))}
    </ul>
  );
}

const maxHistory = 60;

function History({ history }: { history: FlakyDetail["history"] }) {
  return (
    <ul className="space-y-1">
      {history.slice(0, maxHistory).map((run) => (
        <li key={`${run.build_id} ${run.attempt}`} className={clsx("flex items-center gap-2", !run.used && "opacity-60")}>
          <Outcome outcome={run.status} />
          <BuildChip id={run.build_id} />
          <span className="min-w-0 flex-1 truncate text-xs text-muted" title={run.message}>
            {run.message || run.branch}
          </span>
          <ErrorChip fingerprint={run.error_fp} />
          <span className="tabular text-xs">{formatDuration(run.duration_ns)}</span>
        </li>
      ))}
    </ul>
  );
}

function Body({ detail }: { detail: FlakyDetail }) {
  const { recovery } = detail;
  return (
    <>
      <div className="space-y-2 border-b border-line px-4 py-3">
        <p className="flex flex-wrap items-center gap-2">
          <StateBadge state={detail.state} />
          <span className="text-xs text-muted">
            since <Ago at={detail.state_since} />
          </span>
        </p>
        <p className="text-soft">{detail.reason}</p>
        <Interval test={detail} />
        <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-0.5 text-xs">
          <dt className="text-muted">Owner</dt>
          <dd>{detail.owners.join(", ") || detail.owner || "nobody is named"}</dd>
          <dt className="text-muted">File</dt>
          <dd className="mono truncate">{detail.file || "not told"}</dd>
          <dt className="text-muted">Runs</dt>
          <dd>
            {plural(detail.runs, "run")}, {plural(detail.failures, "failure")}, {formatDuration(detail.lost_ns)} lost to flakes
          </dd>
          {detail.state === "flaky" && (
            <>
              <dt className="text-muted">Recovery</dt>
              <dd>
                {recovery.passes_since} of {recovery.passes_needed} passes since the last flake
                {recovery.recovers_at && (
                  <>
                    , or <Ago at={recovery.recovers_at} />
                  </>
                )}
              </dd>
            </>
          )}
        </dl>
      </div>
      <PanelSection title="Evidence" count={detail.evidence.length}>
        <Evidence detail={detail} />
      </PanelSection>
      <PanelSection title="Runs" count={detail.history.length > maxHistory ? `newest ${maxHistory} of ${detail.history.length}` : detail.history.length}>
        <History history={detail.history} />
      </PanelSection>
    </>
  );
}

export function FlakyPanel({ id, params, onClose }: { id: string; params: Params; onClose: () => void }) {
  const query = useQuery(flakyTestQuery(id, params));
  const unknown = query.error instanceof ApiError && query.error.status === 404;
  return (
    <SidePanel
      label="Test"
      title={
        query.data ? (
          <>
            {query.data.name} <span className="font-normal text-muted">{query.data.suite}</span>
          </>
        ) : (
          "Test"
        )
      }
      onClose={onClose}
    >
      {query.isPending && <SkeletonRows rows={5} height={40} />}
      {unknown && <EmptyState title="Not seen in this time">No run in the range has reported this test.</EmptyState>}
      {query.isError && !unknown && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data && <Body detail={query.data} />}
    </SidePanel>
  );
}
