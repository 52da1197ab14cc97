import { describe, expect, it } from "vitest";
import { parseSearch, stringifySearch, validateErrors, validateRange, validateTrace, validateTraces } from "./search";

describe("the address", () => {
  it("keeps text as text, also where it looks like a number", () => {
    const raw = parseSearch("?commit_sha=0012345&attr=a%3D1&attr=b%3D2");
    expect(raw).toEqual({ commit_sha: "0012345", attr: ["a=1", "b=2"] });
    expect(validateErrors(raw).commit_sha).toBe("0012345");
    expect(validateErrors(parseSearch("?commit_sha=123e456")).commit_sha).toBe("123e456");
  });

  it("comes out as it went in", () => {
    const search = { service: "a&b", build_run_id: "github:github.com:acme/shop:4711:1", attr: ["k=v w", "x=1"] };
    expect(parseSearch(stringifySearch(search))).toEqual(search);
    expect(stringifySearch({ build_run_id: "github:github.com:acme/shop:1:1" })).toBe("?build_run_id=github:github.com:acme/shop:1:1");
  });

  it("leaves out what is empty", () => {
    expect(stringifySearch({ a: undefined, b: "", c: [] })).toBe("");
  });
});

describe("validation", () => {
  it("takes short names as well", () => {
    expect(validateErrors(parseSearch("?build=b&commit=c"))).toEqual({ build_run_id: "b", commit_sha: "c" });
    expect(validateTraces(parseSearch("?deployment=d")).deployment_id).toBe("d");
  });

  it("drops values no page understands", () => {
    expect(validateTraces(parseSearch("?status=weird&min_duration_ns=1s&attr="))).toEqual({});
    expect(validateTrace(parseSearch("?zoom=abc&span=1f"))).toEqual({ span: "1f" });
    expect(validateRange(parseSearch("?live=yes&from=now-1h"))).toEqual({ from: "now-1h" });
  });

  it("makes one attribute a list of one", () => {
    expect(validateTraces(parseSearch("?attr=http.method%3DGET")).attr).toEqual(["http.method=GET"]);
  });
});
