import { parseMoment } from "@/format/time";

/** A range as the address holds it: each end is now, now-1h, now-1h30m, RFC 3339 or unix nanoseconds. */
export interface TimeRange {
  from: string;
  to: string;
}

export const defaultRange: TimeRange = { from: "now-24h", to: "now" };

/** What needs a history to say anything looks at a month unless told otherwise. */
const analysisRange: TimeRange = { from: "now-30d", to: "now" };
const analysisPages = ["/pipelines", "/flaky", "/dora"];

/** defaultRangeOf is the range of a page whose address has none. */
export function defaultRangeOf(path: string): TimeRange {
  return analysisPages.some((page) => path.startsWith(page)) ? analysisRange : defaultRange;
}

export const presets: { label: string; from: string; key: string }[] = [
  { label: "Last 15 minutes", from: "now-15m", key: "15m" },
  { label: "Last hour", from: "now-1h", key: "1h" },
  { label: "Last 6 hours", from: "now-6h", key: "6h" },
  { label: "Last 24 hours", from: "now-24h", key: "24h" },
  { label: "Last 7 days", from: "now-7d", key: "7d" },
  { label: "Last 30 days", from: "now-30d", key: "30d" },
];

const unitMs: Record<string, number> = { s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3, w: 604_800e3 };

/** spanMs adds up a span such as 1h30m. */
function spanMs(text: string): number {
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdw])/g)) sum += Number(count) * (unitMs[unit ?? ""] ?? 0);
  return sum;
}

/** parseInstant gives milliseconds since the epoch, or null when the text is no instant. */
export function parseInstant(text: string, now: number): number | null {
  const value = text.trim();
  if (value === "now") return now;
  const relative = /^now-((?:\d+[smhdw])+)$/.exec(value);
  if (relative) return now - spanMs(relative[1] ?? "");
  if (/^\d{16,19}$/.test(value)) return Number(BigInt(value) / 1_000_000n);
  return /^\d{4}-\d{2}-\d{2}/.test(value) ? (parseMoment(value)?.ms ?? null) : null;
}

/** normaliseInstant turns what a person typed into what the server takes: local date-times become UTC. */
export function normaliseInstant(text: string, now: number): string | null {
  const value = text.trim();
  if (parseInstant(value, now) === null) return null;
  if (!/^\d{4}-/.test(value) || /(Z|[+-]\d{2}:\d{2})$/i.test(value)) return value;
  // Without a time of day JavaScript reads a date as UTC, with one as local; people mean local in both.
  const local = /\d{2}:\d{2}/.test(value) ? value.replace(" ", "T") : `${value}T00:00:00`;
  return new Date(local).toISOString();
}

export type RangeProblem = "from" | "to" | "order";

/** checkRange names the end that is wrong; null when the range can be asked for. */
export function checkRange(range: TimeRange, now: number): RangeProblem | null {
  const from = parseInstant(range.from, now);
  const to = parseInstant(range.to, now);
  if (from === null) return "from";
  if (to === null) return "to";
  return from < to ? null : "order";
}

/** rangeOf reads the address; an unreadable or backward range falls back to the default rather than to an error. */
export function rangeOf(search: { from?: string; to?: string }, now: number, fallback = defaultRange): TimeRange {
  const range = { from: search.from ?? fallback.from, to: search.to ?? fallback.to };
  return checkRange(range, now) === null ? range : fallback;
}

/** pinRange makes a relative range absolute, for a link that shows the same moment to everyone. */
export function pinRange(range: TimeRange, now: number): TimeRange {
  const iso = (text: string) => new Date(parseInstant(text, now) ?? now).toISOString();
  return { from: iso(range.from), to: iso(range.to) };
}

export function isRelative(range: TimeRange): boolean {
  return range.to === "now" && range.from.startsWith("now-");
}

const stamp = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

export function rangeLabel(range: TimeRange, now: number): string {
  const preset = range.to === "now" ? presets.find((one) => one.from === range.from) : undefined;
  if (preset) return preset.label;
  const end = (text: string) => (text.startsWith("now") ? text : stamp.format(parseInstant(text, now) ?? now));
  return `${end(range.from)} to ${end(range.to)}`;
}

/** widerRange is the next preset after the given one, for "nothing here, look further back". */
export function widerRange(range: TimeRange, now: number): (typeof presets)[number] | undefined {
  const from = parseInstant(range.from, now) ?? now;
  return presets.find((one) => (parseInstant(one.from, now) ?? now) < from - 60e3);
}
