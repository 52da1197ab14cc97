import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import type { ErrorGroup } from "@/api/types";
import { Sparkline } from "@/charts/Sparkline";
import { BuildChip, CommitChip } from "@/components/chips";
import { Ago } from "@/components/Time";
import { formatCount } from "@/format/text";
import { ErrorTitle } from "./ErrorTitle";

const head = "h-8 px-2 text-left text-2xs font-medium text-muted whitespace-nowrap";

function Row({ group, chosen }: { group: ErrorGroup; chosen: boolean }) {
  return (
    <tr className={clsx("relative h-14 border-b border-line", chosen ? "bg-selected" : "hover:bg-hover")}>
      <td className="overflow-hidden py-2 pr-2 pl-4">
        <Link
          from="/errors"
          to="."
          search={(before) => ({ ...before, open: group.fingerprint })}
          replace={chosen}
          data-row={group.fingerprint}
          data-selected={chosen}
          aria-current={chosen ? "true" : undefined}
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
          <div className="flex flex-wrap gap-1">
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

export function ErrorTable({ groups, open }: { groups: ErrorGroup[]; open?: string }) {
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
          <th className={clsx(head, "hidden w-44 @5xl/list:table-cell")}>Introduced by</th>
        </tr>
      </thead>
      <tbody>
        {groups.map((group) => (
          <Row key={`${group.fingerprint} ${group.service} ${group.environment}`} group={group} chosen={group.fingerprint === open} />
        ))}
      </tbody>
    </table>
  );
}
