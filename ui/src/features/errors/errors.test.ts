import { describe, expect, it } from "vitest";
import type { Frame } from "@/api/types";
import { framePlace, groupFrames } from "./frames";
import { splitTitle } from "./title";

const frame = (name: string, in_app: boolean): Frame => ({ module: "m", function: name, file: "f.py", line: 3, col: 0, in_app });

describe("groupFrames", () => {
  it("folds runs of library frames between our own", () => {
    const groups = groupFrames([frame("a", true), frame("x", false), frame("y", false), frame("b", true), frame("z", false)]);
    expect(groups.map((group) => (group.kind === "app" ? group.frame.function : group.frames.length))).toEqual(["a", 2, "b", 1]);
  });

  it("keeps all open when none is our own", () => {
    expect(groupFrames([frame("x", false), frame("y", false)]).map((group) => group.kind)).toEqual(["app", "app"]);
  });
});

describe("framePlace", () => {
  it("says as much as is known", () => {
    expect(framePlace(frame("a", true))).toBe("f.py:3");
    expect(framePlace({ ...frame("a", true), col: 7 })).toBe("f.py:3:7");
    expect(framePlace({ ...frame("a", true), file: "", line: 0 })).toBe("m");
    expect(framePlace({ ...frame("a", true), file: "", module: "" })).toBe("");
  });
});

describe("splitTitle", () => {
  it("doesn't say the type twice", () => {
    expect(splitTitle("KeyError", "KeyError: 'x'")).toEqual({ head: "KeyError", rest: "'x'" });
    expect(splitTitle("KeyError", "no such key")).toEqual({ head: "KeyError", rest: "no such key" });
    expect(splitTitle("", "boom")).toEqual({ head: "boom", rest: "" });
    expect(splitTitle("", "")).toEqual({ head: "Unnamed error", rest: "" });
  });
});
