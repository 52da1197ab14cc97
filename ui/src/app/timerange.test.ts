import { describe, expect, it } from "vitest";
import { checkRange, defaultRange, isRelative, normaliseInstant, parseInstant, pinRange, rangeLabel, rangeOf, widerRange } from "./timerange";

const now = Date.UTC(2026, 4, 1, 12, 0, 0);

describe("parseInstant", () => {
  it.each([
    ["now", now],
    [" now-90m ", now - 90 * 60e3],
    ["now-2d", now - 2 * 86_400e3],
    ["now-7h0m0s", now - 7 * 3_600e3],
    ["now-1h30m", now - 90 * 60e3],
    ["now-1w", now - 7 * 86_400e3],
    ["2026-05-01T10:00:00Z", Date.UTC(2026, 4, 1, 10)],
    ["2026-05-01T10:00:00.123456789Z", Date.UTC(2026, 4, 1, 10) + 123],
    ["2026-05-01T12:00:00+02:00", Date.UTC(2026, 4, 1, 10)],
    ["1777629600000000000", 1_777_629_600_000],
  ])("reads %s", (text, ms) => {
    expect(parseInstant(text, now)).toBe(ms);
  });

  it.each(["", "yesterday", "now+1h", "now-1y", "now-h", "now-1h30", "12:00", "2026-13-45T00:00:00Z"])("refuses %j", (text) => {
    expect(parseInstant(text, now)).toBeNull();
  });
});

describe("normaliseInstant", () => {
  it("leaves relative and zoned times alone", () => {
    expect(normaliseInstant("now-1h", now)).toBe("now-1h");
    expect(normaliseInstant("2026-05-01T10:00:00Z", now)).toBe("2026-05-01T10:00:00Z");
  });

  it("takes a time without zone as the reader's own", () => {
    expect(normaliseInstant("2026-05-01 10:30", now)).toBe(new Date(2026, 4, 1, 10, 30).toISOString());
    expect(normaliseInstant("2026-05-01", now)).toBe(new Date(2026, 4, 1).toISOString());
  });
});

describe("ranges", () => {
  it("names the end that is wrong", () => {
    expect(checkRange({ from: "soon", to: "now" }, now)).toBe("from");
    expect(checkRange({ from: "now-1h", to: "never" }, now)).toBe("to");
    expect(checkRange({ from: "now", to: "now-1h" }, now)).toBe("order");
    expect(checkRange({ from: "now-1h", to: "now" }, now)).toBeNull();
  });

  it("falls back to the default where the address is nonsense", () => {
    expect(rangeOf({ from: "soon" }, now)).toEqual(defaultRange);
    expect(rangeOf({ from: "now-15m" }, now)).toEqual({ from: "now-15m", to: "now" });
    expect(rangeOf({}, now)).toEqual(defaultRange);
  });

  it("pins relative ends", () => {
    expect(pinRange({ from: "now-1h", to: "now" }, now)).toEqual({ from: "2026-05-01T11:00:00.000Z", to: "2026-05-01T12:00:00.000Z" });
  });

  it("knows which ranges can be live", () => {
    expect(isRelative({ from: "now-1h", to: "now" })).toBe(true);
    expect(isRelative({ from: "2026-05-01T11:00:00Z", to: "now" })).toBe(false);
  });

  it("labels presets by name and the rest by their ends", () => {
    expect(rangeLabel({ from: "now-24h", to: "now" }, now)).toBe("Last 24 hours");
    expect(rangeLabel({ from: "now-90m", to: "now" }, now)).toBe("now-90m to now");
  });

  it("offers the next wider preset, and none beyond the widest", () => {
    expect(widerRange({ from: "now-1h", to: "now" }, now)?.from).toBe("now-6h");
    expect(widerRange({ from: "now-24h", to: "now" }, now)?.from).toBe("now-7d");
    expect(widerRange({ from: "now-30d", to: "now" }, now)).toBeUndefined();
  });
});
