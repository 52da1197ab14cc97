import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "@/app/theme";

export interface PlotSeries {
  label: string;
  values: (number | null)[];
  /** A colour token of the theme, such as "--c-s1". */
  token: string;
  bars?: boolean;
}

interface PlotProps {
  /** What the plot tells, for those who can't see it. */
  label: string;
  /** Seconds since the epoch, ascending. */
  times: number[];
  series: PlotSeries[];
  format: (value: number) => string;
  height?: number;
}

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "gray";
}

/** resolved turns a token, which may be light-dark(), into the colour that holds now: canvases know no such function. */
function resolved(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = token(name);
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function optionsOf({ series, format, height = 160 }: PlotProps, width: number): uPlot.Options {
  const axis = { stroke: resolved("--c-muted"), grid: { stroke: resolved("--c-line"), width: 1 }, ticks: { show: false }, font: "11px Inter Variable, sans-serif" };
  const bars = uPlot.paths.bars?.({ size: [0.7, 28] });
  return {
    width,
    height,
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { live: true },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(max * 1.1, Number.MIN_VALUE)] } },
    axes: [axis, { ...axis, size: 62, values: (_, splits) => splits.map((split) => format(split)) }],
    series: [
      {},
      ...series.map((one): uPlot.Series => {
        const stroke = resolved(one.token);
        return {
          label: one.label,
          stroke,
          width: one.bars ? 0 : 2,
          fill: one.bars ? stroke : undefined,
          paths: one.bars ? bars : undefined,
          points: { show: !one.bars, size: 5 },
          spanGaps: true,
          value: (_, value) => (value === null ? "–" : format(value)),
        };
      }),
    ],
  };
}

/** Plot draws series over time. It is drawn anew when the theme changes and follows the width of its parent. */
export function Plot(props: PlotProps) {
  const { label, times, series } = props;
  const root = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  useEffect(() => {
    const parent = root.current;
    if (!parent) return;
    const { times, series, height = 160 } = latest.current;
    const plot = new uPlot(optionsOf(latest.current, parent.clientWidth || 400), [times, ...series.map((one) => one.values)], parent);
    const observer = new ResizeObserver(() => plot.setSize({ width: parent.clientWidth, height }));
    observer.observe(parent);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [theme, times, series]);
  return <div ref={root} role="img" aria-label={label} className="plot min-w-0" />;
}
