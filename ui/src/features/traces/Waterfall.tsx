import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useRef } from "react";
import { type Layout, place, ticks, type Zoom } from "@/charts/waterfall";
import { formatDuration } from "@/format/time";
import { rowHeight, WaterfallRow } from "./WaterfallRow";

const axisHeight = 28;

interface WaterfallProps {
  layout: Layout;
  /** Indexes into layout.rows, in the order shown. */
  visible: number[];
  collapsed: ReadonlySet<string>;
  zoom: Zoom;
  find?: string;
  chosen: number;
  choose: (id: string | undefined) => void;
  toggle: (id: string) => void;
  onSeen: (range: [number, number]) => void;
}

function Axis({ zoom }: { zoom: Zoom }) {
  return (
    <div style={{ height: axisHeight }} className="sticky top-0 z-3 flex border-b border-line bg-panel text-2xs text-muted">
      <div className="flex w-(--names) shrink-0 items-center border-r border-line px-4">
        Service and span
        <span className="ml-auto inline-flex items-center gap-1.5 pr-3" title="The spans the whole trace waited for">
          <span aria-hidden className="h-0.5 w-4 rounded bg-fg opacity-70" />
          critical path
        </span>
      </div>
      <div aria-hidden className="relative min-w-0 flex-1 overflow-hidden">
        {ticks(zoom).map((tick) => {
          const at = place({ start: tick, duration: 0 }, zoom);
          return (
            at && (
              <span key={tick} className="absolute inset-y-0 flex items-center border-l border-line pl-1 whitespace-nowrap" style={{ left: `${at.left}%` }}>
                {tick === 0 ? "0" : at.left < 88 && formatDuration(tick)}
              </span>
            )
          );
        })}
      </div>
    </div>
  );
}

function Grid({ zoom }: { zoom: Zoom }) {
  return (
    <div aria-hidden className="pointer-events-none absolute inset-y-0 right-0 left-(--names)">
      {ticks(zoom).map((tick) => {
        const at = place({ start: tick, duration: 0 }, zoom);
        return at && <span key={tick} className="absolute inset-y-0 border-l border-line opacity-60" style={{ left: `${at.left}%` }} />;
      })}
    </div>
  );
}

/** Waterfall keeps only the rows on screen in the document, so that the number of spans doesn't matter. */
export const Waterfall = memo(function Waterfall(props: WaterfallProps) {
  const { layout, visible, collapsed, zoom, find, chosen, choose, toggle, onSeen } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: visible.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 16,
    // The axis stays above the rows and takes its height from the view.
    scrollPaddingEnd: axisHeight,
  });
  const first = virtual.range?.startIndex ?? 0;
  const last = virtual.range?.endIndex ?? 0;
  useEffect(() => onSeen([first, last]), [first, last, onSeen]);

  const at = visible.indexOf(chosen);
  useEffect(() => {
    if (at < 0) return;
    // One frame later the list knows its height, also when the span came with the address.
    const frame = requestAnimationFrame(() => virtual.scrollToIndex(at, { align: "auto" }));
    return () => cancelAnimationFrame(frame);
  }, [at, virtual]);

  const needle = find?.toLowerCase();
  return (
    <div
      ref={scroller}
      tabIndex={0}
      role="region"
      aria-label="Spans"
      className="relative min-w-0 flex-1 overflow-auto border-t border-line [--names:min(40%,30rem)]"
    >
      <Axis zoom={zoom} />
      <div role="list" aria-label={`${visible.length} spans`} className="relative" style={{ height: virtual.getTotalSize() }}>
        <Grid zoom={zoom} />
        {virtual.getVirtualItems().map((item) => {
          const index = visible[item.index] ?? 0;
          const row = layout.rows[index];
          if (!row) return null;
          const dim = needle !== undefined && !`${row.span.service} ${row.span.name}`.toLowerCase().includes(needle);
          return (
            <WaterfallRow
              key={item.key}
              row={row}
              top={item.start}
              zoom={zoom}
              dim={dim}
              chosen={index === chosen}
              collapsed={collapsed.has(row.span.span_id)}
              position={item.index + 1}
              total={visible.length}
              choose={choose}
              toggle={toggle}
            />
          );
        })}
      </div>
    </div>
  );
});
