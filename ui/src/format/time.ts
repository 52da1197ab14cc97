/** A moment kept as two safe integers, because a nanosecond timestamp doesn't fit into one double. */
export interface Moment {
  ms: number;
  /** Nanoseconds inside the millisecond, 0 to 999 999. */
  ns: number;
}

/** parseMoment reads RFC 3339 with up to nine fraction digits; null when it isn't a time. */
export function parseMoment(text: string | null | undefined): Moment | null {
  if (!text) return null;
  const dot = text.indexOf(".");
  if (dot < 0) {
    const ms = Date.parse(text);
    return Number.isNaN(ms) ? null : { ms, ns: 0 };
  }
  let end = dot + 1;
  while (end < text.length && text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++;
  const seconds = Date.parse(text.slice(0, dot) + text.slice(end));
  if (Number.isNaN(seconds)) return null;
  const fraction = Number(text.slice(dot + 1, end).padEnd(9, "0").slice(0, 9));
  const ms = Math.floor(fraction / 1e6);
  return { ms: seconds + ms, ns: fraction - ms * 1e6 };
}

/** nanosBetween is exact for spans up to about a hundred days. */
export function nanosBetween(from: Moment, to: Moment): number {
  return (to.ms - from.ms) * 1e6 + (to.ns - from.ns);
}

const units: [label: string, ns: number][] = [
  ["d", 86_400e9],
  ["h", 3_600e9],
  ["m", 60e9],
  ["s", 1e9],
  ["ms", 1e6],
  ["µs", 1e3],
];

/** formatDuration keeps about three significant digits: 812 µs, 1.42 s, 3m 12s, 2h 05m. */
export function formatDuration(ns: number): string {
  if (!Number.isFinite(ns) || ns <= 0) return "0 ms";
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns >= 86_400e9) return `${Math.floor(ns / 86_400e9)}d ${Math.floor((ns % 86_400e9) / 3_600e9)}h`;
  if (ns >= 3_600e9) return `${Math.floor(ns / 3_600e9)}h ${pad(Math.floor((ns % 3_600e9) / 60e9))}m`;
  if (ns >= 60e9) return `${Math.floor(ns / 60e9)}m ${pad(Math.floor((ns % 60e9) / 1e9))}s`;
  const [label, size] = units.find(([, unit]) => ns >= unit) ?? ["µs", 1e3];
  const value = ns / size;
  return `${value >= 100 ? Math.round(value) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${label}`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

/** parseDuration reads what people type: 200ms, 1.5s, 2m, 1h, 250us. Null when it isn't a duration. */
export function parseDuration(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h|d)\s*$/i.exec(text);
  if (!match) return null;
  const unit = match[2]?.toLowerCase() === "us" ? "µs" : match[2]?.toLowerCase();
  const size = unit === "ns" ? 1 : units.find(([label]) => label === unit)?.[1];
  return size === undefined ? null : Math.round(Number(match[1]) * size);
}

/** formatAgo says how long ago a moment was, in one unit. */
export function formatAgo(moment: Moment, now: number): string {
  const seconds = (now - moment.ms) / 1e3;
  if (seconds < -5) return `in ${coarse(-seconds)}`;
  return seconds < 5 ? "just now" : `${coarse(seconds)} ago`;
}

function coarse(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

const clock = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** formatClock is the reader's local time, to the second or, with fraction, to the millisecond. */
export function formatClock(moment: Moment, fraction = false): string {
  const text = clock.format(moment.ms);
  return fraction ? `${text}.${String(((moment.ms % 1000) + 1000) % 1000).padStart(3, "0")}` : text;
}
