import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { useKeys } from "@/app/keyboard";
import type { TraceSearch } from "@/app/search";
import { type Layout, parseZoom, visibleRows, type Zoom } from "@/charts/waterfall";
import { Minimap } from "./Minimap";
import { SpanPanel } from "./SpanPanel";
import { TraceToolbar } from "./TraceToolbar";
import { Waterfall } from "./Waterfall";

/** useTraceState is what the address holds of a trace page, and how to change it. */
function useTraceState(layout: Layout) {
  const { span, zoom: zoomText, find } = useSearch({ from: "/traces/$traceId" });
  const navigate = useNavigate({ from: "/traces/$traceId" });
  const set = useCallback(
    (change: Partial<TraceSearch>) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true }),
    [navigate],
  );
  const zoom = useMemo(() => parseZoom(zoomText, layout.duration), [zoomText, layout.duration]);
  const setZoom = useCallback(
    (next: Zoom | null) => set({ zoom: next ? `${Math.round(next.from)}-${Math.round(next.to)}` : undefined }),
    [set],
  );
  return { span, find, set, zoom, setZoom };
}

/** TraceView is the waterfall with its minimap above and the chosen span beside it. */
export function TraceView({ layout }: { layout: Layout }) {
  const { span, find, set, zoom, setZoom } = useTraceState(layout);
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(() => new Set());
  const [seen, setSeen] = useState<[number, number]>([0, 0]);
  const visible = useMemo(() => visibleRows(layout.rows, collapsed), [layout.rows, collapsed]);
  const whole = useMemo(() => ({ from: 0, to: layout.duration }), [layout.duration]);

  const chosen = useMemo(() => layout.rows.findIndex((row) => row.span.span_id === span), [layout.rows, span]);
  const toggle = useCallback((id: string) => {
    setCollapsed((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  }, []);
  const choose = useCallback((id: string | undefined) => set({ span: id }), [set]);
  const step = (by: number) => {
    const at = visible.indexOf(chosen);
    const next = visible[Math.max(0, Math.min(visible.length - 1, at < 0 ? 0 : at + by))];
    if (next !== undefined) choose(layout.rows[next]?.span.span_id);
  };
  const nextError = () => {
    const failed = layout.rows.findIndex((row, index) => row.failed && index > chosen);
    const target = failed >= 0 ? failed : layout.rows.findIndex((row) => row.failed);
    if (target >= 0) {
      setCollapsed(new Set());
      choose(layout.rows[target]?.span.span_id);
    }
  };
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    e: nextError,
    Escape: () => (span ? choose(undefined) : setZoom(null)),
  });

  const row = layout.rows[chosen];
  return (
    <div className="flex min-h-0 flex-1 flex-col bg-panel">
      <TraceToolbar
        layout={layout}
        find={find}
        setFind={(text) => set({ find: text })}
        zoomed={zoom !== null}
        resetZoom={() => setZoom(null)}
        collapsed={collapsed.size > 0}
        collapseAll={() =>
          setCollapsed(collapsed.size > 0 ? new Set() : new Set(layout.rows.filter((one) => one.children > 0 && one.depth > 0).map((one) => one.span.span_id)))
        }
        nextError={nextError}
      />
      <Minimap layout={layout} visible={visible} seen={seen} zoom={zoom} setZoom={setZoom} />
      <div className="relative flex min-h-0 flex-1">
        <Waterfall
          layout={layout}
          visible={visible}
          collapsed={collapsed}
          zoom={zoom ?? whole}
          find={find}
          chosen={chosen}
          choose={choose}
          toggle={toggle}
          onSeen={setSeen}
        />
        {row && <SpanPanel row={row} origin={layout.origin} onClose={() => choose(undefined)} />}
      </div>
    </div>
  );
}
