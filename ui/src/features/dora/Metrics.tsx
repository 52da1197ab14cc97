import clsx from "clsx";
import { lazy, Suspense, useMemo } from "react";
import type { Dora, DoraMetric } from "@/api/analysis";
import { Skeleton } from "@/components/states";
import { type Look, looksOf } from "./metrics";

const Plot = lazy(() => import("@/charts/Plot").then((module) => ({ default: module.Plot })));

function Metric({ look, times, chosen, choose }: { look: Look; times: number[]; chosen: boolean; choose: () => void }) {
  const series = useMemo(() => [{ label: look.title, values: look.course, token: look.token, bars: look.bars }], [look]);
  const known = look.course.filter((value) => value !== null).length;
  return (
    <section className={clsx("min-w-0 overflow-hidden rounded-lg border bg-panel", chosen ? "border-accent" : "border-line")}>
      <button type="button" aria-pressed={chosen} onClick={choose} title="Show the deployments behind this number" className="block w-full px-4 pt-3 text-left hover:bg-hover">
        <span className="eyebrow block">{look.title}</span>
        <span className="mt-0.5 block text-lg font-semibold tracking-tight">{look.value}</span>
        <span className="block truncate text-xs text-muted" title={look.note}>
          {look.note}
        </span>
      </button>
      <div className="px-2 pb-2">
        {known > 1 ? (
          <Suspense fallback={<Skeleton className="h-36 w-full" />}>
            <Plot label={`${look.title} over the range: ${look.value}`} times={times} series={series} format={look.format} height={110} />
          </Suspense>
        ) : (
          <p className="px-2 py-6 text-xs text-muted">Too little for a trend in this range.</p>
        )}
      </div>
    </section>
  );
}

/** Metrics are the five numbers with their trends; choosing one lists the deployments behind it. */
export function Metrics({ dora, chosen, choose }: { dora: Dora; chosen?: DoraMetric; choose: (metric: DoraMetric) => void }) {
  const looks = useMemo(() => looksOf(dora), [dora]);
  const times = useMemo(() => dora.trend.map((one) => Date.parse(one.time) / 1e3), [dora]);
  return (
    <div className="grid gap-3 p-4 @xl/list:grid-cols-2 @4xl/list:grid-cols-3 @7xl/list:grid-cols-5">
      {looks.map((look) => (
        <Metric key={look.metric} look={look} times={times} chosen={look.metric === chosen} choose={() => choose(look.metric)} />
      ))}
    </div>
  );
}
