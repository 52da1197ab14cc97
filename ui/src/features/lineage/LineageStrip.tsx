import { useQuery } from "@tanstack/react-query";
import { ChevronRight, RefreshCw, TriangleAlert } from "lucide-react";
import type { Params } from "@/api/fetcher";
import { ApiError } from "@/api/fetcher";
import { lineageQuery, type LineageSubject } from "@/api/queries";
import type { Lineage } from "@/api/types";
import { useTimeRange } from "@/app/useTimeRange";
import { Button } from "@/components/Button";
import { BasisMark } from "@/components/chips";
import { Marks, Skeleton } from "@/components/states";
import { HopCell } from "./HopCell";
import { hopOrder, hopWords, subjectKind, summarise } from "./model";

/** StripSkeleton has the height of the strip, so that what is below it stays where it is. */
function StripSkeleton() {
  return (
    <div role="status" aria-label="Loading the path to the customer" className="grid h-[155px] grid-cols-8 content-start gap-4 py-3">
      {hopOrder.map((kind) => (
        <div key={kind} className="space-y-2">
          <Skeleton className="size-6 rounded-full!" />
          <Skeleton className="h-3 w-3/4" />
          <Skeleton className="h-2.5 w-1/2" />
        </div>
      ))}
    </div>
  );
}

function StripError({ error, retry }: { error: unknown; retry: () => void }) {
  const refused = error instanceof ApiError && error.status === 403;
  return (
    <div role="alert" className="flex items-center gap-2 py-3 text-muted">
      <TriangleAlert size={14} aria-hidden className="shrink-0 text-warn" />
      <span>
        {refused ? "You may not see the path to the customer: " : "The path to the customer could not be read: "}
        {error instanceof Error ? error.message : "unknown reason"}
      </span>
      {!refused && (
        <Button look="ghost" onClick={retry}>
          <RefreshCw size={12} aria-hidden /> Try again
        </Button>
      )}
    </div>
  );
}

function Evidence({ lineage }: { lineage: Lineage }) {
  const { known, total, weakest } = summarise(lineage);
  return (
    <details className="group border-t border-line">
      <summary className="flex h-8 list-none items-center gap-1.5 text-xs text-muted hover:text-fg">
        <ChevronRight size={12} aria-hidden className="transition-transform group-open:rotate-90" />
        <span>
          Evidence: {known} of {total} steps known
        </span>
        {weakest && (
          <span className="flex items-center gap-1">
            · weakest link <BasisMark basis={weakest} />
          </span>
        )}
        <span className="ml-auto">
          <Marks partial={lineage.partial} />
        </span>
      </summary>
      <dl className="grid grid-cols-[6rem_8rem_1fr] gap-x-3 gap-y-1 pb-3 text-xs">
        {lineage.hops.map((hop) => (
          <div key={hop.kind} className="contents">
            <dt className="text-muted">{hopWords[hop.kind]}</dt>
            <dd>{hop.state === "known" ? <BasisMark basis={hop.basis} className="text-xs!" /> : <span className="text-muted">{hop.state === "none" ? "none" : "not known"}</span>}</dd>
            <dd className="text-soft">{hop.evidence || "–"}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

/** StripView draws a lineage as the server gave it; nothing is inferred here. */
export function StripView({ lineage }: { lineage: Lineage }) {
  const subject = subjectKind(lineage);
  return (
    <>
      <div
        tabIndex={0}
        role="region"
        aria-label="Steps of the path"
        className="-mx-1 overflow-x-auto px-1"
      >
        <ol className="grid min-w-[60rem] grid-cols-8 py-3" data-testid="lineage">
          {lineage.hops.map((hop, index) => (
            <HopCell key={hop.kind} hop={hop} next={lineage.hops[index + 1]} here={hop.kind === subject} />
          ))}
        </ol>
      </div>
      <Evidence lineage={lineage} />
    </>
  );
}

/** LineageStrip is the path to the customer: from the commit to the people who met the code. */
export function LineageStrip({ subject, id, params }: { subject: LineageSubject; id: string; params?: Params }) {
  const { refetchInterval } = useTimeRange();
  const query = useQuery({ ...lineageQuery(subject, id, params), refetchInterval });
  return (
    <section aria-label="Path to customer" className="border-y border-line bg-panel px-4">
      {query.isPending && <StripSkeleton />}
      {query.isError && <StripError error={query.error} retry={() => void query.refetch()} />}
      {query.data && <StripView lineage={query.data} />}
    </section>
  );
}
