import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { statusQuery } from "@/api/queries";
import type { Signal, Status } from "@/api/types";
import { rangeLabel, widerRange } from "@/app/timerange";
import { useTimeRange } from "@/app/useTimeRange";
import { Button } from "@/components/Button";
import { useNow } from "@/components/useNow";
import { EmptyState, SkeletonRows } from "@/components/states";
import { formatCount } from "@/format/text";
import { FirstRun } from "./FirstRun";

const waitingMs = 3_000;

/** nothingYet is true before the first data of any kind. */
export function nothingYet(status: Status): boolean {
  return status.signals.every((one) => one.items === 0);
}

interface NothingHereProps {
  /** What the list holds, as it is called in a sentence: "errors". */
  what: string;
  signal: Signal;
  /** How many filters narrow the list. */
  filters: number;
}

/** NothingHere says why a list is empty: nothing was ever sent, the filter is narrow, or the range is. */
export function NothingHere({ what, signal, filters }: NothingHereProps) {
  const { range, setRange } = useTimeRange();
  const navigate = useNavigate();
  const now = useNow();
  const { data: status, isPending } = useQuery({
    ...statusQuery(),
    refetchInterval: ({ state }) => (state.data && !nothingYet(state.data) ? false : waitingMs),
  });
  if (isPending) return <SkeletonRows rows={4} />;
  if (status && nothingYet(status) && filters === 0) return <FirstRun status={status} />;
  const wider = widerRange(range, now);
  const seen = status?.signals.find((one) => one.signal === signal)?.items ?? 0;
  const clear = () => void navigate({ to: ".", search: ({ from, to, live }) => ({ from, to, live }) });
  return (
    <EmptyState
      title={filters > 0 ? `No ${what} match these filters` : `No ${what} in this time`}
      actions={
        <>
          {filters > 0 && (
            <Button look="primary" onClick={clear}>
              Clear filters
            </Button>
          )}
          {wider && (
            <Button onClick={() => setRange({ from: wider.from, to: "now" })}>Look at the {wider.label.toLowerCase()}</Button>
          )}
        </>
      }
    >
      Range: {rangeLabel(range, now).toLowerCase()}.{" "}
      {status && (seen > 0 ? `${formatCount(seen)} ${what} arrived in the last 24 hours.` : `No ${what} arrived in the last 24 hours.`)}
    </EmptyState>
  );
}
