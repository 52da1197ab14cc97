import clsx from "clsx";
import type { CriticalPath as Path, CriticalSegment } from "@/api/analysis";
import { partLook } from "@/charts/SplitBar";
import { formatDuration } from "@/format/time";

function Segment({ segment, total, choose }: { segment: CriticalSegment; total: number; choose: (id: string) => void }) {
  const look = partLook[segment.kind];
  return (
    <li className="flex items-center gap-3 py-1">
      <span className="w-40 shrink-0 truncate">
        {segment.task_id ? (
          <button type="button" onClick={() => choose(segment.task_id)} className="max-w-full truncate text-left font-medium hover:underline">
            {segment.task}
          </button>
        ) : (
          <span className="text-muted">between jobs</span>
        )}
      </span>
      <span aria-hidden className="h-2.5 min-w-16 flex-1">
        <span
          className={clsx("block h-full min-w-0.5 rounded-[2px]", look.className)}
          style={{ width: `${(segment.duration_ns / Math.max(1, total)) * 100}%` }}
        />
      </span>
      <span className="tabular w-16 shrink-0 text-right">{formatDuration(segment.duration_ns)}</span>
      <span className="w-28 shrink-0 truncate text-xs text-muted" title={segment.reason}>
        {look.word}
      </span>
    </li>
  );
}

/** CriticalPath lists, oldest first, what the run's length is made of: shortening anything else would not shorten it. */
export function CriticalPath({ path, choose }: { path: Path; choose: (id: string) => void }) {
  if (path.segments.length === 0) return <p className="p-4 text-muted">No job has ended yet, so nothing set the length so far.</p>;
  const longest = Math.max(...path.segments.map((segment) => segment.duration_ns));
  return (
    <div className="px-4 py-3">
      <ol>
        {path.segments.map((segment) => (
          <Segment key={`${segment.from} ${segment.kind} ${segment.task_id}`} segment={segment} total={longest} choose={choose} />
        ))}
      </ol>
      <p className="mt-2 text-xs text-muted">
        {formatDuration(path.sum_ns)} of the run's {formatDuration(path.run_duration_ns)}
        {!path.exact && ": the times that the provider told don't add up to the second"}.
      </p>
    </div>
  );
}
