import clsx from "clsx";
import { Check, Link2 } from "lucide-react";
import { Popover } from "radix-ui";
import { useId, useState } from "react";
import { Button } from "@/components/Button";
import { stringifySearch } from "./search";
import { RangeButton } from "./TimeRangePicker";
import { checkRange, normaliseInstant, pinRange, presets, type RangeProblem, type TimeRange } from "./timerange";
import { useTimeRange } from "./useTimeRange";

function Presets({ range, choose }: { range: TimeRange; choose: (range: TimeRange) => void }) {
  return (
    <ul className="w-40 border-r border-line p-1.5">
      {presets.map(({ label, from }) => {
        const chosen = range.from === from && range.to === "now";
        return (
          <li key={from}>
            <button
              type="button"
              aria-pressed={chosen}
              onClick={() => choose({ from, to: "now" })}
              className={clsx(
                "flex h-7 w-full items-center justify-between rounded px-2 text-left hover:bg-hover",
                chosen ? "font-medium text-fg" : "text-soft",
              )}
            >
              {label}
              {chosen && <Check size={13} aria-hidden className="text-accent" />}
            </button>
          </li>
        );
      })}
    </ul>
  );
}

const problems: Record<RangeProblem, string> = {
  from: "“From” is not a time.",
  to: "“To” is not a time.",
  order: "“From” must be before “to”.",
};

function Custom({ range, choose }: { range: TimeRange; choose: (range: TimeRange) => void }) {
  const id = useId();
  const [from, setFrom] = useState(range.from);
  const [to, setTo] = useState(range.to);
  const [problem, setProblem] = useState<RangeProblem | null>(null);
  const submit = () => {
    const now = Date.now();
    const next = { from: normaliseInstant(from, now) ?? "", to: normaliseInstant(to, now) ?? "" };
    const wrong = checkRange(next, now);
    setProblem(wrong);
    if (!wrong) choose(next);
  };
  const field = "mono mt-1 mb-3 h-8 w-full rounded-md border border-line bg-bg px-2 text-fg";
  return (
    <form
      className="w-64 p-3"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label htmlFor={`${id}-from`} className="eyebrow">
        From
      </label>
      <input id={`${id}-from`} value={from} onChange={(event) => setFrom(event.target.value)} className={field} spellCheck={false} />
      <label htmlFor={`${id}-to`} className="eyebrow">
        To
      </label>
      <input id={`${id}-to`} value={to} onChange={(event) => setTo(event.target.value)} className={field} spellCheck={false} />
      {problem && (
        <p role="alert" className="mb-2 text-xs text-bad">
          {problems[problem]}
        </p>
      )}
      <div className="flex items-center gap-2">
        <Button look="primary" type="submit">
          Apply
        </Button>
        <span className="text-2xs text-muted">now-90m, 2026-05-01 14:30, RFC 3339</span>
      </div>
    </form>
  );
}

/** pinnedAddress is the present address with the range made absolute. */
function pinnedAddress(range: TimeRange): string {
  const search = Object.fromEntries(new URLSearchParams(location.search));
  delete search.live;
  return `${location.origin}${location.pathname}${stringifySearch({ ...search, ...pinRange(range, Date.now()) })}`;
}

/** RangePopover opens at once: it is loaded by the first click on its button. */
export function RangePopover() {
  const { range, setRange } = useTimeRange();
  const [open, setOpen] = useState(true);
  const [copied, setCopied] = useState(false);
  const choose = (next: TimeRange) => {
    setRange(next);
    setOpen(false);
  };
  const share = async () => {
    await navigator.clipboard.writeText(pinnedAddress(range));
    setCopied(true);
  };
  return (
    <Popover.Root
      open={open}
      onOpenChange={(next) => {
        setOpen(next);
        setCopied(false);
      }}
    >
      <Popover.Trigger asChild>
        <RangeButton />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="end"
          sideOffset={6}
          aria-label="Time range"
          className="z-40 overflow-hidden rounded-lg border border-line bg-raised text-sm shadow-pop"
        >
          <div className="flex">
            <Presets range={range} choose={choose} />
            <Custom range={range} choose={choose} />
          </div>
          <button
            type="button"
            onClick={() => void share()}
            className="flex h-9 w-full items-center gap-2 border-t border-line px-3.5 text-xs text-muted hover:bg-hover hover:text-fg"
          >
            {copied ? <Check size={13} aria-hidden className="text-ok" /> : <Link2 size={13} aria-hidden />}
            {copied ? "Link copied" : "Copy a link pinned to these exact times"}
          </button>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
