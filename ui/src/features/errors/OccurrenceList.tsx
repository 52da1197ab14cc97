import clsx from "clsx";
import type { Occurrence } from "@/api/types";
import { TraceChip } from "@/components/chips";
import { Ago } from "@/components/Time";

interface OccurrenceListProps {
  occurrences: Occurrence[];
  shown?: string;
  choose: (eventId: string) => void;
}

export function OccurrenceList({ occurrences, shown, choose }: OccurrenceListProps) {
  return (
    <ul className="divide-y divide-line">
      {occurrences.map((one) => (
        <li
          key={one.event_id}
          className={clsx("relative flex h-11 items-center gap-3 px-4", one.event_id === shown ? "bg-selected" : "hover:bg-hover")}
        >
          <button
            type="button"
            data-row={one.event_id}
            aria-pressed={one.event_id === shown}
            onClick={() => choose(one.event_id)}
            className="row-link min-w-0 flex-1 text-left"
          >
            <span className="block truncate">{one.message || one.type}</span>
            <span className="block truncate text-2xs text-muted">
              <Ago at={one.timestamp} />
              {one.service_version && ` · ${one.service_version}`}
            </span>
          </button>
          <TraceChip id={one.trace_id} span={one.span_id} />
        </li>
      ))}
    </ul>
  );
}
