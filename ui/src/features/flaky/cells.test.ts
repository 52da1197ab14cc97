import { describe, expect, it } from "vitest";
import { looksOf, tally } from "./cells";

describe("cells", () => {
  it("gives a look per run, also where the row is short", () => {
    expect(looksOf("pF", 3).map((look) => look.word)).toEqual(["passed", "failed, then passed", "not run"]);
    expect(looksOf("?", 1)[0]?.word).toBe("not run");
  });

  it("says a row in words", () => {
    expect(tally("ppf-F")).toBe("2 passed, 1 failed, 1 failed, then passed");
    expect(tally("---")).toBe("never run");
  });
});
