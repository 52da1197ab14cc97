import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import type { ErrorGroup } from "@/api/types";
import type { ErrorsSearch } from "@/app/search";
import { Sparkline } from "@/charts/Sparkline";
import { BuildChip, CommitChip } from "@/components/chips";
import { Ago } from "@/components/Time";
import { formatCount } from "@/format/text";
import { ErrorTitle } from "./ErrorTitle";

const head = "h-8 px-2 text-left text-2xs font-medium text-muted whitespace-nowrap";

/** isOpen tells whether the address names this row; without a place any row of the fingerprint does. */
export function isOpen(group: ErrorGroup, open: OpenError): boolean {
  return (
    group.fingerprint === open.open &&
    (open.open_service ?? group.service) === group.service &&
    (open.open_environment ?? group.environment) === group.environment
  );
}

export type OpenError = Pick<ErrorsSearch, "open" | "open_service" | "open_environment">;

function Row({ group, open }: { group: ErrorGroup; open: OpenError }) {
  const chosen = isOpen(group, open);
  return (
    <tr className={clsx("relative h-14 border-b border-line", chosen ? "bg-selected" : "hover:bg-hover")}>
      <td className="overflow-hidden py-2 pr-2 pl-4">
        <Link
          from="/errors"
          to="."
          search={(before) => ({
            ...before,
            open: group.fingerprint,
            open_service: group.service || undefined,
            open_environment: group.environment || undefined,
          })}
          // Moving on inside the panel is no step of its own: back closes it.
          replace={open.open !== undefined}
          data-row={group.fingerprint}
          data-selected={chosen}
          className="row-link"
        >
          <ErrorTitle type={group.type} title={group.title} />
        </Link>
        <div className="mono mt-0.5 truncate text-muted" title={group.culprit}>
          {group.culprit || "–"}
        </div>
      </td>
      <td className="hidden px-2 @xl/list:table-cell">
        <Sparkline points={group.trend} />
      </td>
      <td className="px-2 text-right font-medium">{formatCount(group.events)}</td>
      <td className="hidden px-2 text-right text-soft @2xl/list:table-cell">{formatCount(group.users)}</td>
      <td className="hidden overflow-hidden px-2 @3xl/list:table-cell">
        <div className="truncate">{group.service || "–"}</div>
        <div className="truncate text-xs text-muted">{group.environment || "no environment"}</div>
      </td>
      <td className="px-2 whitespace-nowrap">
        <Ago at={group.last_seen} className="block" />
        <span className="block text-xs text-muted">
          first <Ago at={group.first_seen} />
        </span>
      </td>
      <td className="hidden py-1 pr-4 pl-2 @5xl/list:table-cell">
        {group.first_commit || group.first_build ? (
          <div className="flex gap-1">
            <CommitChip sha={group.first_commit} />
            <BuildChip id={group.first_build} />
          </div>
        ) : (
          <span className="text-xs text-muted">not known</span>
        )}
      </td>
    </tr>
  );
}

export function ErrorTable({ groups, open }: { groups: ErrorGroup[]; open: OpenError }) {
  return (
    <table className="w-full table-fixed border-collapse">
      <thead className="sticky top-0 z-2 bg-panel shadow-[inset_0_-1px_0_var(--c-line)]">
        <tr>
          <th className={clsx(head, "pl-4")}>Error</th>
          <th className={clsx(head, "hidden w-32 @xl/list:table-cell")}>Trend</th>
          <th className={clsx(head, "w-20 text-right!")}>Events</th>
          <th className={clsx(head, "hidden w-16 text-right! @2xl/list:table-cell")}>Users</th>
          <th className={clsx(head, "hidden w-36 @3xl/list:table-cell")}>Service</th>
          <th className={clsx(head, "w-28")}>Last seen</th>
          <th className={clsx(head, "hidden w-60 @5xl/list:table-cell")}>Introduced by</th>
        </tr>
      </thead>
      <tbody>
        {groups.map((group) => (
          <Row key={`${group.fingerprint} ${group.service} ${group.environment}`} group={group} open={open} />
        ))}
      </tbody>
    </table>
  );
}
