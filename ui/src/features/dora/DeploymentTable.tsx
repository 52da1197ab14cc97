import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import type { DoraDeployment } from "@/api/analysis";
import { BuildChip, CommitChip } from "@/components/chips";
import { StatusBadge, type Tone, toneSoft } from "@/components/status";
import { Ago } from "@/components/Time";
import { deploymentLabel } from "@/format/text";
import { formatDuration } from "@/format/time";

const head = "h-8 px-2 text-left text-2xs font-medium text-muted whitespace-nowrap";

const outcomes: Record<DoraDeployment["outcome"], Tone> = { good: "ok", failed: "bad", undecided: "idle" };

export function Outcome({ deployment }: { deployment: DoraDeployment }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <span className={clsx("inline-flex h-5 items-center rounded-full px-2 text-2xs font-medium", toneSoft[outcomes[deployment.outcome]])}>
        {deployment.outcome}
      </span>
      {deployment.failure_basis && <span className="text-2xs text-muted">by {deployment.failure_basis}</span>}
    </span>
  );
}

function Row({ one, open }: { one: DoraDeployment; open?: string }) {
  const key = `${one.id} ${one.service}`;
  const chosen = key === open;
  return (
    <tr className={clsx("relative h-13 border-b border-line", chosen ? "bg-selected" : "hover:bg-hover")}>
      <td className="overflow-hidden pr-2 pl-4">
        <Link
          from="/dora"
          to="."
          search={(before) => ({ ...before, open: key })}
          replace={open !== undefined}
          data-row={key}
          data-selected={chosen}
          className="row-link block truncate font-semibold"
        >
          {one.service || "service not told"} <span className="mono font-normal text-muted">{deploymentLabel(one.id)}</span>
        </Link>
        <span className="block truncate text-xs text-muted">{one.environment}</span>
      </td>
      <td className="px-2">
        <StatusBadge status={one.status} />
      </td>
      <td className="px-2">
        <Outcome deployment={one} />
        {one.rework && <span className="block text-2xs text-warn">rework: {one.rework_basis}</span>}
      </td>
      <td className="hidden px-2 @3xl/list:table-cell">
        <span className="flex flex-wrap gap-1">
          <CommitChip sha={one.commit_sha} />
          <BuildChip id={one.build_run_id} />
        </span>
      </td>
      <td className="hidden px-2 text-right tabular @2xl/list:table-cell">{one.lead_median_ns === null ? "–" : formatDuration(one.lead_median_ns)}</td>
      <td className="hidden px-2 text-right tabular @4xl/list:table-cell">{one.recovery_ns === null ? "–" : formatDuration(one.recovery_ns)}</td>
      <td className="px-2 pr-4 text-right whitespace-nowrap">
        <Ago at={one.finished_at} />
      </td>
    </tr>
  );
}

export function DeploymentTable({ deployments, open }: { deployments: DoraDeployment[]; open?: string }) {
  return (
    <table className="w-full table-fixed border-collapse">
      <thead className="sticky top-0 z-2 bg-panel shadow-[inset_0_-1px_0_var(--c-line)]">
        <tr>
          <th className={clsx(head, "pl-4")}>Deployment</th>
          <th className={clsx(head, "w-28")}>Status</th>
          <th className={clsx(head, "w-44")}>Outcome</th>
          <th className={clsx(head, "hidden w-52 @3xl/list:table-cell")}>Code</th>
          <th className={clsx(head, "hidden w-24 text-right! @2xl/list:table-cell")}>Lead time</th>
          <th className={clsx(head, "hidden w-24 text-right! @4xl/list:table-cell")}>Recovery</th>
          <th className={clsx(head, "w-24 pr-4 text-right!")}>Finished</th>
        </tr>
      </thead>
      <tbody>
        {deployments.map((one) => (
          <Row key={`${one.id} ${one.service}`} one={one} open={open} />
        ))}
      </tbody>
    </table>
  );
}
