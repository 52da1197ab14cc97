import { describe, expect, it } from "vitest";
import { edgePath, layoutDag, nodeHeight, nodeWidth } from "./dag";

const node = (id: string, level: number) => ({ id, level });
const edge = (from: string, to: string) => ({ from, to });

describe("layoutDag", () => {
  it("puts levels into columns and leaves none empty", () => {
    const { boxes, width } = layoutDag([node("a", 0), node("b", 3)], [edge("a", "b")]);
    expect(boxes.get("a")?.x).toBe(0);
    expect(boxes.get("b")?.x).toBeGreaterThan(nodeWidth);
    expect(width).toBe((boxes.get("b")?.x ?? 0) + nodeWidth);
  });

  it("never lays two nodes over one another", () => {
    const nodes = Array.from({ length: 40 }, (_, index) => node(`n${index}`, index % 5));
    const edges = nodes.slice(5).map((one, index) => edge(`n${index}`, one.id));
    const { boxes, height } = layoutDag(nodes, edges);
    const all = [...boxes.values()];
    for (const [index, a] of all.entries()) {
      expect(a.y).toBeGreaterThanOrEqual(0);
      expect(a.y + nodeHeight).toBeLessThanOrEqual(height);
      for (const b of all.slice(index + 1)) expect(a.x === b.x && Math.abs(a.y - b.y) < nodeHeight).toBe(false);
    }
  });

  it("follows the rows before, so that edges cross less", () => {
    const nodes = [node("a", 0), node("b", 0), node("x", 1), node("y", 1)];
    const { boxes } = layoutDag(nodes, [edge("a", "y"), edge("b", "x")]);
    const y = (id: string) => boxes.get(id)?.y ?? 0;
    expect(y("a") < y("b")).toBe(y("y") < y("x"));
  });

  it("takes edges to nowhere and no nodes at all", () => {
    expect(layoutDag([node("a", 0)], [edge("a", "gone"), edge("gone", "a")]).boxes.size).toBe(1);
    expect(layoutDag([], []).boxes.size).toBe(0);
  });
});

describe("edgePath", () => {
  it("runs from the right of one box to the left of the other", () => {
    expect(edgePath({ x: 0, y: 0 }, { x: 300, y: 100 })).toBe(`M ${nodeWidth} 24 C ${nodeWidth + 52} 24, ${300 - 52} 124, 300 124`);
  });
});
