import { formatCount } from "@/format/text";
import { formatClock, parseMoment } from "@/format/time";

interface SparklineProps {
  points: { time: string; events: number }[];
  width?: number;
  height?: number;
  /** Spread over the width of its parent instead of a fixed one. */
  fluid?: boolean;
}

/** bars gives each bucket's height; a bucket with any event is at least two pixels tall, so it can be seen. */
export function bars(values: number[], height: number): number[] {
  const max = Math.max(1, ...values);
  return values.map((value) => (value <= 0 ? 0 : Math.max(2, (value / max) * height)));
}

/** Sparkline is a trend as bars, with its numbers in words for those who can't see it. */
export function Sparkline({ points, width = 112, height = 24, fluid = false }: SparklineProps) {
  const values = points.map((point) => point.events);
  const total = values.reduce((sum, value) => sum + value, 0);
  const peak = points.reduce((best, point) => (point.events > best.events ? point : best), { time: "", events: 0 });
  const peakAt = parseMoment(peak.time);
  const label = peakAt
    ? `${formatCount(total)} events in ${points.length} steps, most at ${formatClock(peakAt)}: ${formatCount(peak.events)}`
    : `${formatCount(total)} events`;
  const step = width / Math.max(1, points.length);
  const gap = step > 3 ? 1 : 0;
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${width} ${height}`}
      width={fluid ? "100%" : width}
      height={height}
      preserveAspectRatio="none"
      className="block"
    >
      <title>{label}</title>
      <line x1={0} x2={width} y1={height - 0.5} y2={height - 0.5} className="stroke-line-strong" strokeWidth={1} />
      {bars(values, height - 2).map((tall, index) =>
        tall === 0 ? null : (
          <rect
            key={index}
            x={index * step}
            y={height - 1 - tall}
            width={Math.max(1, step - gap)}
            height={tall}
            rx={step > 6 ? 1 : 0}
            className={values[index] === peak.events ? "fill-bad-fill" : "fill-bad-fill opacity-65"}
          />
        ),
      )}
    </svg>
  );
}
