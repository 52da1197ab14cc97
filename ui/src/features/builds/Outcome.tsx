import type { BuildDetail, Deployment } from "@/api/types";
import { AppLink } from "@/components/AppLink";
import { BasisMark, DeploymentChip, entityIcon, ErrorChip } from "@/components/chips";
import { CopyButton } from "@/components/Copy";
import { StatusBadge } from "@/components/status";
import { Ago } from "@/components/Time";
import { formatCount, httpUrl, shortDigest } from "@/format/text";

export function ArtifactList({ artifacts }: { artifacts: BuildDetail["artifacts"] }) {
  const Icon = entityIcon.artifact;
  if (artifacts.length === 0) return <p className="text-muted">No artifact was reported for this run.</p>;
  return (
    <ul className="space-y-1.5">
      {artifacts.map((artifact) => (
        <li key={artifact.id} className="flex items-center gap-2">
          <Icon size={13} aria-hidden className="shrink-0 text-muted" />
          <span className="min-w-0 flex-1">
            <span className="block truncate" title={artifact.name}>
              {artifact.name || artifact.id}
            </span>
            {artifact.digest && (
              <span className="mono flex items-center gap-1 text-muted" title={artifact.digest}>
                {shortDigest(artifact.digest)}
                <CopyButton text={artifact.digest} label="Copy digest" className="size-5!" />
              </span>
            )}
          </span>
          <Ago at={artifact.created_at} className="text-xs text-muted" />
        </li>
      ))}
    </ul>
  );
}

function DeploymentRow({ deployment }: { deployment: Deployment }) {
  const name = [deployment.environment || "unnamed environment", deployment.service].filter(Boolean).join(" · ");
  return (
    <li>
      <div className="flex items-center gap-2">
        <StatusBadge status={deployment.status} />
        <span className="min-w-0 flex-1 truncate font-medium">
          {httpUrl(deployment.url) ? (
            <AppLink href={deployment.url} className="hover:underline">
              {name}
            </AppLink>
          ) : (
            name
          )}
        </span>
        <Ago at={deployment.finished_at ?? deployment.started_at} className="text-xs text-muted" />
      </div>
      <div className="mt-1 flex items-center gap-2">
        <DeploymentChip id={deployment.id} />
        <BasisMark basis={deployment.basis} />
      </div>
    </li>
  );
}

export function DeploymentList({ deployments }: { deployments: Deployment[] }) {
  if (deployments.length === 0) return <p className="text-muted">No deployment of this run is known.</p>;
  return (
    <ul className="space-y-3">
      {deployments.map((deployment) => (
        <DeploymentRow key={deployment.id} deployment={deployment} />
      ))}
    </ul>
  );
}

export function ErrorList({ errors }: { errors: BuildDetail["errors"] }) {
  if (errors.length === 0) return <p className="text-muted">No error was seen on this build.</p>;
  return (
    <ul className="space-y-2">
      {errors.map((error) => (
        <li key={`${error.fingerprint} ${error.service} ${error.environment}`} className="flex items-center gap-2">
          <span className="min-w-0 flex-1">
            <ErrorChip fingerprint={error.fingerprint}>{error.title || error.fingerprint}</ErrorChip>
            <span className="block truncate text-2xs text-muted">{[error.service, error.environment].filter(Boolean).join(" · ")}</span>
          </span>
          <span className="text-bad">{formatCount(error.events)}</span>
        </li>
      ))}
    </ul>
  );
}

/** TestTally shows tests as counts and as one bar in proportion. */
export function TestTally({ tests }: { tests: BuildDetail["tests"] }) {
  if (tests.total === 0) return <p className="text-muted">No test report came with this run.</p>;
  const part = (count: number) => `${(count / tests.total) * 100}%`;
  // A flaky test passed in the end, so it counts among the passed ones.
  const passed = tests.total - tests.failed;
  return (
    <div>
      <div aria-hidden className="flex h-1.5 gap-px overflow-hidden rounded-full bg-idle-soft">
        <span className="bg-ok" style={{ width: part(passed - tests.flaky) }} />
        <span className="bg-warn" style={{ width: part(tests.flaky) }} />
        <span className="bg-bad-fill" style={{ width: part(tests.failed) }} />
      </div>
      <dl className="mt-2.5 flex gap-6">
        {(
          [
            ["Passed", passed, "text-ok"],
            ["Of them flaky", tests.flaky, tests.flaky > 0 ? "text-warn" : "text-muted"],
            ["Failed", tests.failed, tests.failed > 0 ? "text-bad" : "text-muted"],
          ] as const
        ).map(([label, count, look]) => (
          <div key={label}>
            <dt className="eyebrow">{label}</dt>
            <dd className={`font-semibold ${look}`}>{formatCount(count)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
