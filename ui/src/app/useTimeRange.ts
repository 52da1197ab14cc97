import { useNavigate, useRouterState, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import { useNow } from "@/components/useNow";
import { defaultRangeOf, isRelative, rangeOf, type TimeRange } from "./timerange";

const liveIntervalMs = 5_000;

/** apiInstant writes days and weeks as hours, the largest unit every face of the server takes. */
function apiInstant(text: string): string {
  if (!text.startsWith("now-")) return text;
  return text.replace(/(\d+)([dw])/g, (_, count: string, unit: string) => `${Number(count) * (unit === "d" ? 24 : 168)}h`);
}

/** useTimeRange is the range of the address, how to change it, and how often live pages ask again. */
export function useTimeRange() {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const range = rangeOf(search, useNow(), defaultRangeOf(path));
  const live = search.live === "1" && isRelative(range);

  const setRange = useCallback(
    (next: TimeRange) => {
      const fallback = defaultRangeOf(path);
      const from = next.from === fallback.from && next.to === fallback.to ? undefined : next.from;
      const to = next.to === "now" ? undefined : next.to;
      void navigate({ to: ".", search: (before) => ({ ...before, from, to }) });
    },
    [navigate, path],
  );
  const setLive = useCallback(
    (on: boolean) => void navigate({ to: ".", search: (before) => ({ ...before, live: on ? "1" : undefined }), replace: true }),
    [navigate],
  );

  return {
    range,
    setRange,
    live,
    setLive,
    params: { from: apiInstant(range.from), to: apiInstant(range.to) },
    refetchInterval: live ? liveIntervalMs : (false as const),
  };
}
