import clsx from "clsx";
import { formatDuration } from "@/format/time";

export type PartKind = "queue" | "approval" | "run" | "gap" | "finalizing";

/** One look per kind of time, the same on every page. */
export const partLook: Record<PartKind, { word: string; className: string }> = {
  queue: {
    word: "queued",
    className: "border border-line-strong bg-[repeating-linear-gradient(135deg,transparent_0_3px,var(--c-line-strong)_3px_5px)]",
  },
  approval: { word: "waited for approval", className: "bg-warn" },
  run: { word: "ran", className: "bg-accent" },
  finalizing: { word: "finalizing", className: "bg-s3" },
  gap: { word: "between jobs", className: "bg-line-strong" },
};

export interface Part {
  kind: PartKind;
  ns: number;
}

/** SplitBar shows where time went, to scale, with the numbers below. Parts of no time are left out. */
export function SplitBar({ parts, label, legend = true }: { parts: Part[]; label: string; legend?: boolean }) {
  const shown = parts.filter((part) => part.ns > 0);
  const total = shown.reduce((sum, part) => sum + part.ns, 0);
  if (total === 0) return <p className="text-muted">No time was spent yet.</p>;
  const words = shown.map((part) => `${partLook[part.kind].word} ${formatDuration(part.ns)}`).join(", ");
  return (
    <div>
      <div role="img" aria-label={`${label}: ${words}`} className="flex h-3 w-full gap-px overflow-hidden rounded-[3px]">
        {shown.map((part) => (
          <span
            key={part.kind}
            title={`${partLook[part.kind].word} ${formatDuration(part.ns)}`}
            className={clsx("min-w-0.5", partLook[part.kind].className)}
            style={{ width: `${(part.ns / total) * 100}%` }}
          />
        ))}
      </div>
      {legend && (
        <ul className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-xs">
          {shown.map((part) => (
            <li key={part.kind} className="flex items-center gap-1.5">
              <span aria-hidden className={clsx("h-2 w-3 rounded-[2px]", partLook[part.kind].className)} />
              <span className="text-muted">{partLook[part.kind].word}</span>
              <span className="tabular">{formatDuration(part.ns)}</span>
              <span className="text-muted">{Math.round((part.ns / total) * 100)} %</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
