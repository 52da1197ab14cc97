// Layout of a layered graph: levels are columns, and the rows of a column follow those of what comes before.

export interface DagNode {
  id: string;
  level: number;
}

export interface DagEdge {
  from: string;
  to: string;
}

export interface Box {
  x: number;
  y: number;
}

export interface DagLayout {
  width: number;
  height: number;
  boxes: Map<string, Box>;
}

export const nodeWidth = 196;
export const nodeHeight = 48;
const columnGap = 64;
const rowGap = 14;

/** layoutDag places nodes by their level; edges to unknown nodes are ignored. */
export function layoutDag(nodes: DagNode[], edges: DagEdge[]): DagLayout {
  const columns: string[][] = [];
  for (const { id, level } of nodes) (columns[Math.max(0, level)] ??= []).push(id);
  // Levels that nobody has would be empty columns.
  const filled = columns.filter((column) => column !== undefined && column.length > 0);
  const before = neighbours(nodes, edges, (edge) => [edge.to, edge.from]);
  const after = neighbours(nodes, edges, (edge) => [edge.from, edge.to]);
  const row = new Map<string, number>();
  const place = (column: string[]) => column.forEach((id, index) => row.set(id, index - (column.length - 1) / 2));
  filled.forEach(place);
  for (let sweep = 0; sweep < 2; sweep++) {
    for (const column of filled) order(column, before, row, place);
    for (const column of filled.toReversed()) order(column, after, row, place);
  }
  const tallest = Math.max(1, ...filled.map((column) => column.length));
  const height = tallest * nodeHeight + (tallest - 1) * rowGap;
  const boxes = new Map<string, Box>();
  filled.forEach((column, index) => {
    for (const id of column) {
      boxes.set(id, {
        x: index * (nodeWidth + columnGap),
        y: height / 2 + (row.get(id) ?? 0) * (nodeHeight + rowGap) - nodeHeight / 2,
      });
    }
  });
  return { width: Math.max(1, filled.length) * (nodeWidth + columnGap) - columnGap, height, boxes };
}

function neighbours(nodes: DagNode[], edges: DagEdge[], ends: (edge: DagEdge) => [string, string]) {
  const known = new Set(nodes.map((node) => node.id));
  const out = new Map<string, string[]>();
  for (const edge of edges) {
    const [of, other] = ends(edge);
    if (!known.has(of) || !known.has(other)) continue;
    out.set(of, [...(out.get(of) ?? []), other]);
  }
  return out;
}

/** order sorts a column by the mean row of its neighbours; who has none keeps its place. */
function order(column: string[], of: Map<string, string[]>, row: Map<string, number>, place: (column: string[]) => void) {
  const want = new Map(
    column.map((id) => {
      const rows = (of.get(id) ?? []).map((other) => row.get(other) ?? 0);
      return [id, rows.length > 0 ? rows.reduce((sum, one) => sum + one, 0) / rows.length : (row.get(id) ?? 0)];
    }),
  );
  column.sort((a, b) => (want.get(a) ?? 0) - (want.get(b) ?? 0));
  place(column);
}

/** edgePath is a curve from the right of one box to the left of another. */
export function edgePath(from: Box, to: Box): string {
  const x1 = from.x + nodeWidth;
  const y1 = from.y + nodeHeight / 2;
  const x2 = to.x;
  const y2 = to.y + nodeHeight / 2;
  const bend = Math.max(24, Math.abs(x2 - x1) / 2);
  return `M ${x1} ${y1} C ${x1 + bend} ${y1}, ${x2 - bend} ${y2}, ${x2} ${y2}`;
}
