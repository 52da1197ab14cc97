import { useIsFetching, useQueryClient } from "@tanstack/react-query";
import clsx from "clsx";
import { Radio, RefreshCw, Search } from "lucide-react";
import { IconButton } from "@/components/Button";
import { isRelative } from "./timerange";
import { TimeRangePicker } from "./TimeRangePicker";
import { useTimeRange } from "./useTimeRange";

function LiveToggle() {
  const { live, setLive, range } = useTimeRange();
  return (
    <button
      type="button"
      aria-pressed={live}
      disabled={!isRelative(range)}
      onClick={() => setLive(!live)}
      title={isRelative(range) ? "Ask again every five seconds (L)" : "Live needs a range that ends now"}
      className={clsx(
        "inline-flex h-7 items-center gap-1.5 rounded-md border px-2.5 text-xs font-medium",
        live ? "border-transparent bg-ok-soft text-ok" : "border-line bg-panel text-soft enabled:hover:bg-hover",
        "disabled:opacity-50",
      )}
    >
      <Radio size={13} aria-hidden className={clsx(live && "animate-pulse")} />
      Live
    </button>
  );
}

export function Topbar({ onSearch }: { onSearch: () => void }) {
  const queries = useQueryClient();
  const fetching = useIsFetching() > 0;
  return (
    <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line bg-panel px-4">
      <button
        type="button"
        onClick={onSearch}
        className="flex h-7 w-full max-w-96 items-center gap-2 rounded-md border border-line bg-bg px-2.5 text-left text-xs text-muted hover:border-line-strong"
      >
        <Search size={13} aria-hidden className="shrink-0" />
        <span className="truncate">Search, or paste a trace id, fingerprint or commit</span>
        <kbd className="ml-auto shrink-0 rounded border border-line bg-panel px-1 text-2xs">Ctrl K</kbd>
      </button>
      <div className="ml-auto flex items-center gap-2">
        <TimeRangePicker />
        <LiveToggle />
        <IconButton label="Ask again (r)" onClick={() => void queries.invalidateQueries()}>
          <RefreshCw size={14} aria-hidden className={clsx(fetching && "animate-spin")} />
        </IconButton>
      </div>
    </header>
  );
}
