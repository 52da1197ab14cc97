import type { Dora, DoraDeployment, DoraMetric } from "@/api/analysis";
import { formatDuration } from "@/format/time";

/** Look is how one of the five metrics is shown: its number, what stands below it, and its course over the range. */
export interface Look {
  metric: DoraMetric;
  title: string;
  value: string;
  note: string;
  token: string;
  bars?: boolean;
  course: (number | null)[];
  format: (value: number) => string;
}

const share = (value: number) => `${(value * 100).toFixed(value > 0 && value < 0.1 ? 1 : 0)} %`;
const orDash = (value: number | null, format: (value: number) => string) => (value === null ? "–" : format(value));
const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : null);

/** perDay writes a rate in the unit in which people think of it. */
export function perDay(rate: number): string {
  if (rate === 0) return "none";
  if (rate >= 1) return `${rate.toFixed(1)} a day`;
  return rate * 7 >= 1 ? `${(rate * 7).toFixed(1)} a week` : `${(rate * 30).toFixed(1)} a month`;
}

export function looksOf({ metrics, trend }: Pick<Dora, "metrics" | "trend">): Look[] {
  const { deployment_frequency: frequency, lead_time: lead, change_fail_rate: fails, recovery_time: recovery, rework_rate: rework } = metrics;
  return [
    {
      metric: "deployment_frequency",
      title: "Deployment frequency",
      value: perDay(frequency.per_day),
      note: `${frequency.deployments} deployments`,
      token: "--c-s1",
      bars: true,
      course: trend.map((one) => one.deployments),
      format: (value) => String(Math.round(value)),
    },
    {
      metric: "lead_time",
      title: "Change lead time",
      value: orDash(lead.median_ns, formatDuration),
      note: `median of ${lead.commits} commits, p90 ${orDash(lead.p90_ns, formatDuration)}${lead.negative > 0 ? `, ${lead.negative} deployed before they were committed` : ""}`,
      token: "--c-s3",
      course: trend.map((one) => one.lead_median_ns),
      format: formatDuration,
    },
    {
      metric: "change_fail_rate",
      title: "Change fail rate",
      value: orDash(fails.rate, share),
      note: `${fails.failed} of ${fails.decided} decided${fails.undecided > 0 ? `, ${fails.undecided} undecided` : ""}`,
      token: "--c-bad",
      course: trend.map((one) => ratio(one.failed, one.decided)),
      format: share,
    },
    {
      metric: "recovery_time",
      title: "Failed deployment recovery",
      value: orDash(recovery.median_ns, formatDuration),
      note: `median of ${recovery.recoveries}, p90 ${orDash(recovery.p90_ns, formatDuration)}${recovery.open > 0 ? `, ${recovery.open} not recovered` : ""}`,
      token: "--c-s4",
      course: trend.map((one) => one.recovery_median_ns),
      format: formatDuration,
    },
    {
      metric: "rework_rate",
      title: "Deployment rework rate",
      value: orDash(rework.rate, share),
      note: `${rework.rework} of ${rework.deployments} were not planned`,
      token: "--c-s2",
      course: trend.map((one) => ratio(one.rework, one.deployments)),
      format: share,
    },
  ];
}

/** behind gives the deployments that a metric is made of; all of them without a metric. */
export function behind(deployments: DoraDeployment[], metric?: DoraMetric): DoraDeployment[] {
  return metric ? deployments.filter((one) => one.counts.includes(metric)) : deployments;
}
