import { describe, expect, it } from "vitest";
import { formatAgo, formatDuration, nanosBetween, parseDuration, parseMoment } from "./time";

describe("parseMoment", () => {
  it("keeps all nine digits", () => {
    expect(parseMoment("2026-05-01T10:00:00.123456789Z")).toEqual({ ms: Date.UTC(2026, 4, 1, 10) + 123, ns: 456_789 });
    expect(parseMoment("2026-05-01T10:00:00.5+02:00")).toEqual({ ms: Date.UTC(2026, 4, 1, 8) + 500, ns: 0 });
    expect(parseMoment("1969-12-31T23:59:59.999999999Z")).toEqual({ ms: -1, ns: 999_999 });
  });

  it("is null for what is no time", () => {
    for (const text of [null, undefined, "", "soon", "soon.5"]) expect(parseMoment(text)).toBeNull();
  });
});

describe("nanosBetween", () => {
  it("tells single nanoseconds apart", () => {
    const from = parseMoment("2026-05-01T10:00:00.999999999Z");
    const to = parseMoment("2026-05-01T10:00:01.000000001Z");
    expect(from && to && nanosBetween(from, to)).toBe(2);
  });
});

describe("formatDuration", () => {
  it.each([
    [0, "0 ms"],
    [-5, "0 ms"],
    [Number.NaN, "0 ms"],
    [999, "999 ns"],
    [1_500, "1.50 µs"],
    [12_340_000, "12.3 ms"],
    [456_000_000, "456 ms"],
    [1_420_000_000, "1.42 s"],
    [192e9, "3m 12s"],
    [7_500e9, "2h 05m"],
    [90_000e9, "1d 1h"],
  ])("%d is %s", (ns, text) => {
    expect(formatDuration(ns)).toBe(text);
  });
});

describe("parseDuration", () => {
  it.each([
    ["250ms", 250e6],
    ["1.5s", 1.5e9],
    [" 2 m ", 120e9],
    ["40us", 40e3],
    ["7ns", 7],
    ["1H", 3_600e9],
  ])("%s", (text, ns) => {
    expect(parseDuration(text)).toBe(ns);
  });

  it.each(["", "fast", "10", "5 parsecs", "-1s"])("refuses %j", (text) => {
    expect(parseDuration(text)).toBeNull();
  });
});

describe("formatAgo", () => {
  it("speaks in one unit, and of the future where clocks differ", () => {
    const now = Date.UTC(2026, 4, 1, 12);
    const at = (seconds: number) => formatAgo({ ms: now - seconds * 1e3, ns: 0 }, now);
    expect([at(1), at(42), at(150), at(7_300), at(200_000), at(-90)]).toEqual([
      "just now",
      "42s ago",
      "2m ago",
      "2h ago",
      "2d ago",
      "in 1m",
    ]);
  });
});
