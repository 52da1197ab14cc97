import type { DoraDeployment } from "@/api/analysis";
import { AppLink } from "@/components/AppLink";
import { BuildChip, CommitChip, DeploymentChip } from "@/components/chips";
import { PanelSection, SidePanel } from "@/components/SidePanel";
import { StatusBadge } from "@/components/status";
import { Ago, Clock } from "@/components/Time";
import { deploymentLabel, httpUrl } from "@/format/text";
import { formatDuration } from "@/format/time";
import { Outcome } from "./DeploymentTable";

function Evidence({ deployment }: { deployment: DoraDeployment }) {
  return (
    <>
      <p className="text-soft">{deployment.reason}</p>
      <ul className="mt-2 space-y-1.5">
        {deployment.evidence.map((one) => (
          <li key={`${one.kind} ${one.id}`} className="flex flex-wrap items-center gap-1.5">
            <span className="rounded bg-idle-soft px-1 text-2xs text-idle">{one.kind}</span>
            {httpUrl(one.url) ? (
              <AppLink href={one.url} className="min-w-0 truncate hover:underline">
                {one.title || one.id}
              </AppLink>
            ) : (
              <span className="min-w-0 truncate">{one.title || one.id}</span>
            )}
            <Ago at={one.at} className="ml-auto text-xs text-muted" />
          </li>
        ))}
      </ul>
    </>
  );
}

/** DeploymentPanel says why a deployment counts as it does. */
export function DeploymentPanel({ deployment, onClose }: { deployment: DoraDeployment; onClose: () => void }) {
  return (
    <SidePanel
      label="Deployment"
      title={
        <>
          {deployment.service} <span className="mono font-normal text-muted">{deploymentLabel(deployment.id)}</span>
        </>
      }
      onClose={onClose}
    >
      <div className="space-y-2 border-b border-line px-4 py-3">
        <p className="flex flex-wrap items-center gap-2">
          <StatusBadge status={deployment.status} />
          <Outcome deployment={deployment} />
          <Clock at={deployment.finished_at} className="ml-auto text-xs text-muted" />
        </p>
        <p className="flex flex-wrap gap-1.5">
          <CommitChip sha={deployment.commit_sha} />
          <BuildChip id={deployment.build_run_id} />
          <DeploymentChip id={deployment.id} />
        </p>
        <p className="text-xs text-muted">Counts in: {deployment.counts.map((one) => one.replaceAll("_", " ")).join(", ") || "nothing"}.</p>
      </div>
      <PanelSection title="Why">
        <Evidence deployment={deployment} />
      </PanelSection>
      {deployment.outcome === "failed" && (
        <PanelSection title="Recovery">
          {deployment.recovery_ns === null ? (
            <p className="text-warn">Not recovered yet.</p>
          ) : (
            <p className="flex flex-wrap items-center gap-1.5">
              {formatDuration(deployment.recovery_ns)} until <DeploymentChip id={deployment.recovered_by} />
            </p>
          )}
        </PanelSection>
      )}
      <PanelSection title="Commits" count={deployment.lead_times.length}>
        <ul className="space-y-1.5">
          {deployment.lead_times.map((one) => (
            <li key={one.sha} className="flex items-center gap-2">
              <CommitChip sha={one.sha} />
              <span className="min-w-0 flex-1 truncate" title={one.author}>
                {one.message.split("\n")[0]}
              </span>
              {one.revert && <span className="rounded bg-warn-soft px-1 text-2xs text-warn">revert</span>}
              {one.bot && <span className="rounded bg-idle-soft px-1 text-2xs text-idle">bot</span>}
              <span className="tabular text-xs">{one.lead_ns < 0 ? `−${formatDuration(-one.lead_ns)}` : formatDuration(one.lead_ns)}</span>
            </li>
          ))}
          {deployment.lead_times.length === 0 && <li className="text-muted">No commit between this and the one before is known.</li>}
        </ul>
      </PanelSection>
    </SidePanel>
  );
}
