import { ChevronDown, Clock } from "lucide-react";
import { type ComponentProps, lazy, Suspense, useState } from "react";
import { useNow } from "@/components/useNow";
import { rangeLabel } from "./timerange";
import { useTimeRange } from "./useTimeRange";

const load = () => import("./RangePopover");
const RangePopover = lazy(() => load().then((module) => ({ default: module.RangePopover })));

export function RangeButton(props: ComponentProps<"button">) {
  const { range } = useTimeRange();
  const now = useNow();
  return (
    <button
      type="button"
      aria-haspopup="dialog"
      className="inline-flex h-7 items-center gap-1.5 rounded-md border border-line bg-panel px-2.5 text-xs font-medium whitespace-nowrap text-soft hover:bg-hover"
      {...props}
    >
      <Clock size={13} aria-hidden className="text-muted" />
      {rangeLabel(range, now)}
      <ChevronDown size={13} aria-hidden className="text-muted" />
    </button>
  );
}

/** TimeRangePicker is its button until someone reaches for it; the popover's code comes then. */
export function TimeRangePicker() {
  const [wanted, setWanted] = useState(false);
  const ahead = () => void load();
  const button = <RangeButton aria-expanded={false} onClick={() => setWanted(true)} onPointerEnter={ahead} onFocus={ahead} />;
  return wanted ? (
    <Suspense fallback={button}>
      <RangePopover />
    </Suspense>
  ) : (
    button
  );
}
