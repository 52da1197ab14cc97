import clsx from "clsx";
import { History, Repeat2 } from "lucide-react";
import { useMemo } from "react";
import type { BuildAnalysis, PipelineNode } from "@/api/analysis";
import { edgePath, layoutDag, nodeHeight, nodeWidth } from "@/charts/dag";
import { StatusIcon, statusLook } from "@/components/status";
import { formatDuration } from "@/format/time";

function times(node: PipelineNode): string {
  const parts = [`ran ${formatDuration(node.run_ns)}`];
  if (node.queue_ns > 0) parts.push(`queued ${formatDuration(node.queue_ns)}`);
  if (node.approval_ns > 0) parts.push(`waited ${formatDuration(node.approval_ns)} for approval`);
  if (node.slack_ns !== null && !node.critical) parts.push(`could take ${formatDuration(node.slack_ns)} longer`);
  return parts.join(", ");
}

function Node({ node, chosen, choose }: { node: PipelineNode; chosen: boolean; choose: () => void }) {
  const bad = statusLook(node.status).tone === "bad";
  return (
    <button
      type="button"
      aria-pressed={chosen}
      onClick={choose}
      title={`${node.name}: ${times(node)}`}
      className={clsx(
        "flex h-full w-full flex-col justify-center rounded-md border bg-panel px-2.5 text-left hover:bg-hover",
        node.critical ? "border-accent shadow-[inset_0_0_0_1px_var(--c-accent)]" : bad ? "border-bad" : "border-line-strong",
        chosen && "bg-selected!",
        node.inherited && "border-dashed",
      )}
    >
      <span className="flex min-w-0 items-center gap-1.5">
        <StatusIcon status={node.status} size={13} />
        <span className="truncate font-medium">{node.name}</span>
        {node.inherited && <History size={12} role="img" aria-label={`kept from attempt ${node.from_attempt}`} className="ml-auto shrink-0 text-muted" />}
        {(node.flaky || node.retries > 0) && (
          <Repeat2 size={12} role="img" aria-label={node.flaky ? "flaky" : `${node.retries} retries`} className="ml-auto shrink-0 text-warn" />
        )}
      </span>
      <span className="truncate text-2xs text-muted">{node.started_at ? times(node) : statusLook(node.status).word}</span>
    </button>
  );
}

/** Dag draws a run's jobs, what each waited for, and which of them set the run's length. */
export function Dag({ analysis, chosen, choose }: { analysis: BuildAnalysis; chosen?: string; choose: (id: string) => void }) {
  const { nodes, edges } = analysis;
  const layout = useMemo(() => layoutDag(nodes, edges), [nodes, edges]);
  if (nodes.length === 0) return <p className="p-4 text-muted">No job of this run was reported yet.</p>;
  const drawn = edges.filter((edge) => layout.boxes.has(edge.from) && layout.boxes.has(edge.to));
  return (
    <div tabIndex={0} role="region" aria-label="Graph of jobs" className="max-h-[32rem] overflow-auto p-4">
      <div className="relative" style={{ width: layout.width, height: layout.height }}>
        <svg aria-hidden width={layout.width} height={layout.height} className="absolute inset-0">
          {drawn.map((edge) => (
            <path
              key={`${edge.from} ${edge.to}`}
              d={edgePath(layout.boxes.get(edge.from) ?? { x: 0, y: 0 }, layout.boxes.get(edge.to) ?? { x: 0, y: 0 })}
              fill="none"
              strokeWidth={edge.critical ? 2.5 : 1.25}
              strokeDasharray={edge.basis === "inferred" ? "4 3" : undefined}
              className={edge.critical ? "stroke-accent" : "stroke-line-strong"}
            />
          ))}
        </svg>
        {nodes.map((node) => {
          const box = layout.boxes.get(node.id);
          return (
            box && (
              <div key={node.id} className="absolute" style={{ left: box.x, top: box.y, width: nodeWidth, height: nodeHeight }}>
                <Node node={node} chosen={node.id === chosen} choose={() => choose(node.id)} />
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}
