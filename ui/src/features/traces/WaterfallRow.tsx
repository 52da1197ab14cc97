import clsx from "clsx";
import { ChevronDown, ChevronRight, CircleX, Unlink } from "lucide-react";
import { memo } from "react";
import type { SpanEvent } from "@/api/types";
import { place, type Row, type Zoom } from "@/charts/waterfall";
import { formatCount } from "@/format/text";
import { formatDuration, nanosBetween, parseMoment } from "@/format/time";
import { seriesFill } from "./series";

export const rowHeight = 28;
const indent = 14;
/** Deeper levels share one indent, so that names stay readable. */
const deepest = 16;

interface WaterfallRowProps {
  row: Row;
  top: number;
  zoom: Zoom;
  dim: boolean;
  chosen: boolean;
  collapsed: boolean;
  position: number;
  total: number;
  choose: (id: string | undefined) => void;
  toggle: (id: string) => void;
}

export function isException(event: SpanEvent): boolean {
  return event.name === "exception" || event.fingerprint !== "";
}

/** Guides are the lines of the tree at the left of a name. */
function Guides({ depth }: { depth: number }) {
  return (
    <span
      aria-hidden
      className="h-full shrink-0 self-stretch"
      style={{
        width: Math.min(depth, deepest) * indent,
        backgroundImage: `repeating-linear-gradient(to right, transparent 0 7px, var(--c-line) 7px 8px, transparent 8px ${indent}px)`,
      }}
    />
  );
}

function Marks({ row, zoom }: { row: Row; zoom: Zoom }) {
  const start = parseMoment(row.span.start);
  return row.span.events.filter(isException).map((event, index) => {
    const time = parseMoment(event.time);
    const at = start && time ? place({ start: row.start + nanosBetween(start, time), duration: 0 }, zoom) : null;
    return (
      at && (
        <span
          key={index}
          title={`${event.name} at ${formatDuration(row.start + (start && time ? nanosBetween(start, time) : 0))}`}
          className="absolute top-1/2 size-2.5 -translate-x-1/2 -translate-y-1/2 rotate-45 rounded-[2px] border-2 border-panel bg-bad-fill"
          style={{ left: `${at.left}%` }}
        />
      )
    );
  });
}

function Bar({ row, zoom }: { row: Row; zoom: Zoom }) {
  const at = place(row, zoom);
  if (!at) return null;
  const inside = at.left + at.width > 82;
  return (
    <>
      <span
        className={clsx("absolute top-1/2 h-3 min-w-0.5 -translate-y-1/2 rounded-[3px]", row.failed && "outline-2 outline-bad-fill")}
        style={{
          left: `${at.left}%`,
          width: `${at.width}%`,
          background: seriesFill(row.series),
        }}
      />
      {row.critical && (
        <span
          className="absolute top-[calc(50%+7px)] h-0.5 min-w-0.5 rounded bg-fg opacity-70"
          style={{ left: `${at.left}%`, width: `${at.width}%` }}
        />
      )}
      <span
        className={clsx(
          "absolute top-1/2 -translate-y-1/2 text-2xs leading-3 whitespace-nowrap",
          row.failed ? "text-bad" : "text-muted",
          inside ? "mr-1 rounded-[3px] bg-panel px-1" : "px-1.5",
        )}
        style={inside ? { right: `${Math.max(0, 100 - at.left - at.width)}%` } : { left: `${at.left + at.width}%` }}
      >
        {formatDuration(row.duration)}
      </span>
      <Marks row={row} zoom={zoom} />
    </>
  );
}

function Name({ row, collapsed, toggle }: Pick<WaterfallRowProps, "row" | "collapsed" | "toggle">) {
  const Chevron = collapsed ? ChevronRight : ChevronDown;
  return (
    <>
      <Guides depth={row.depth} />
      {row.children > 0 ? (
        <button
          type="button"
          tabIndex={-1}
          aria-label={`${collapsed ? "Expand" : "Collapse"} ${row.span.name}`}
          aria-expanded={!collapsed}
          onClick={() => toggle(row.span.span_id)}
          className="above flex h-full w-5 shrink-0 items-center justify-center text-muted hover:text-fg"
        >
          <Chevron size={12} aria-hidden />
        </button>
      ) : (
        <span className="w-5 shrink-0" />
      )}
      <span aria-hidden className="h-3.5 w-1 shrink-0 rounded-full" style={{ background: seriesFill(row.series) }} />
    </>
  );
}

export const WaterfallRow = memo(function WaterfallRow(props: WaterfallRowProps) {
  const { row, top, zoom, dim, chosen, collapsed, position, total, choose, toggle } = props;
  const { span } = row;
  return (
    <div
      role="listitem"
      aria-posinset={position}
      aria-setsize={total}
      className={clsx("absolute inset-x-0 flex", chosen ? "bg-selected" : "hover:bg-hover", dim && "opacity-45")}
      style={{ height: rowHeight, transform: `translateY(${top}px)` }}
    >
      <div className="flex w-(--names) shrink-0 items-center gap-1.5 overflow-hidden border-r border-line pr-2 pl-2">
        <Name row={row} collapsed={collapsed} toggle={toggle} />
        <button
          type="button"
          aria-pressed={chosen}
          onClick={() => choose(chosen ? undefined : span.span_id)}
          className="row-link min-w-0 truncate text-left"
        >
          <span className="font-medium">{span.service || "unknown"}</span> <span className="text-muted">{span.name}</span>
        </button>
        {collapsed && <span className="shrink-0 rounded bg-idle-soft px-1 text-2xs text-idle">+{formatCount(row.descendants)}</span>}
        {row.orphan && <Unlink size={12} role="img" aria-label="Its parent was not received" className="shrink-0 text-warn" />}
        {row.failed && <CircleX size={13} role="img" aria-label="failed" className="ml-auto shrink-0 text-bad" />}
      </div>
      <div className="relative min-w-0 flex-1 overflow-hidden">
        <Bar row={row} zoom={zoom} />
      </div>
    </div>
  );
});
