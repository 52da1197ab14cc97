import { describe, expect, it } from "vitest";
import type { TypedValue } from "@/api/types";
import { searchable, showValue } from "./values";

describe("showValue", () => {
  it.each<[TypedValue, string]>([
    [{ type: "string", value: "GET" }, "GET"],
    [{ type: "int", value: "9007199254740993" }, "9007199254740993"],
    [{ type: "double", value: "NaN" }, "NaN"],
    [{ type: "double", value: 0.5 }, "0.5"],
    [{ type: "bool", value: false }, "false"],
    [{ type: "bytes", value: "aGVsbG8=" }, "5 bytes: aGVsbG8="],
    [{ type: "empty" }, ""],
    [{ type: "array", value: [{ type: "string", value: "a" }, { type: "int", value: "1" }, { type: "empty" }] }, '["a", 1, empty]'],
    [{ type: "kvlist", value: { k: { type: "array", value: [] } } }, "{k: []}"],
  ])("%j", (value, text) => {
    expect(showValue(value)).toBe(text);
  });

  it("lets only plain values be searched for", () => {
    expect(searchable({ type: "int", value: "1" })).toBe(true);
    expect(searchable({ type: "array", value: [] })).toBe(false);
  });
});
