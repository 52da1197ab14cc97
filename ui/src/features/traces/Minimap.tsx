import { type PointerEvent, useEffect, useRef, useState } from "react";
import { useTheme } from "@/app/theme";
import type { Layout, Zoom } from "@/charts/waterfall";
import { formatDuration } from "@/format/time";
import { resolveColor, seriesFill } from "./series";

const height = 56;

/** draw paints each visible span as a line; failed ones last, so that they stay on top. */
function draw(canvas: HTMLCanvasElement, layout: Layout, visible: number[]) {
  const width = canvas.clientWidth;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  const host = canvas.parentElement;
  if (!pen || !host || width === 0) return;
  pen.scale(ratio, ratio);
  const fills = Array.from({ length: 8 }, (_, series) => resolveColor(host, seriesFill(series)));
  const bad = resolveColor(host, "var(--c-bad-fill)");
  const tall = Math.max(1, Math.min(4, height / Math.max(1, visible.length)));
  const line = (at: number, index: number) => {
    const row = layout.rows[index];
    if (!row) return;
    const y = (at / visible.length) * (height - tall);
    pen.fillRect((row.start / layout.duration) * width, y, Math.max(1, (row.duration / layout.duration) * width), tall);
  };
  for (let series = 0; series < 8; series++) {
    pen.fillStyle = fills[series] ?? "gray";
    visible.forEach((index, at) => {
      const row = layout.rows[index];
      if (row && row.series === series && !row.failed) line(at, index);
    });
  }
  pen.fillStyle = bad;
  visible.forEach((index, at) => {
    if (layout.rows[index]?.failed) line(at, index);
  });
}

interface MinimapProps {
  layout: Layout;
  visible: number[];
  /** The first and last row on screen. */
  seen: [number, number];
  zoom: Zoom | null;
  setZoom: (zoom: Zoom | null) => void;
}

/** useDrag turns a horizontal drag into a part of the trace; less than three pixels count as no drag. */
function useDrag(duration: number, setZoom: (zoom: Zoom | null) => void) {
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const fraction = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  };
  return {
    drag,
    onPointerDown: (event: PointerEvent) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      setDrag({ from: fraction(event), to: fraction(event) });
    },
    onPointerMove: (event: PointerEvent) => drag && setDrag({ ...drag, to: fraction(event) }),
    onPointerUp: (event: PointerEvent) => {
      if (!drag) return;
      const [from, to] = [Math.min(drag.from, fraction(event)), Math.max(drag.from, fraction(event))];
      setDrag(null);
      if ((to - from) * event.currentTarget.getBoundingClientRect().width >= 3) setZoom({ from: from * duration, to: to * duration });
    },
  };
}

/** Minimap is the whole trace in one strip. Dragging over it zooms; what can be read from it is in the rows as well. */
export function Minimap({ layout, visible, seen, zoom, setZoom }: MinimapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const { drag, ...handlers } = useDrag(layout.duration, setZoom);
  useEffect(() => {
    const target = canvas.current;
    if (!target) return;
    const paint = () => draw(target, layout, visible);
    paint();
    const observer = new ResizeObserver(paint);
    observer.observe(target);
    return () => observer.disconnect();
  }, [layout, visible, theme]);
  const percent = (part: number) => `${part * 100}%`;
  const window = drag
    ? { from: Math.min(drag.from, drag.to), to: Math.max(drag.from, drag.to) }
    : zoom && { from: zoom.from / layout.duration, to: zoom.to / layout.duration };
  return (
    <div className="relative mx-4 mb-2 cursor-crosshair overflow-hidden rounded-md border border-line bg-bg select-none" style={{ height }} {...handlers}>
      <canvas
        ref={canvas}
        className="block h-full w-full"
        role="img"
        aria-label={`Overview of ${layout.rows.length} spans over ${formatDuration(layout.duration)}; ${layout.errors} failed`}
      />
      {visible.length > 0 && seen[1] - seen[0] + 1 < visible.length && (
        <span
          aria-hidden
          className="pointer-events-none absolute inset-x-0 border-y border-line-strong bg-[color-mix(in_oklch,var(--c-accent)_8%,transparent)]"
          style={{ top: percent(seen[0] / visible.length), height: `max(3px, ${percent((seen[1] - seen[0] + 1) / visible.length)})` }}
        />
      )}
      {window && (
        <>
          <span aria-hidden className="pointer-events-none absolute inset-y-0 left-0 bg-bg opacity-70" style={{ width: percent(window.from) }} />
          <span aria-hidden className="pointer-events-none absolute inset-y-0 right-0 bg-bg opacity-70" style={{ width: percent(1 - window.to) }} />
          <span
            aria-hidden
            className="pointer-events-none absolute inset-y-0 border-x-2 border-accent"
            style={{ left: percent(window.from), width: percent(window.to - window.from) }}
          />
        </>
      )}
    </div>
  );
}
