import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import {
  Bug,
  CircleUserRound,
  FlaskConical,
  GitCommitHorizontal,
  Hammer,
  type LucideIcon,
  MonitorPlay,
  Package,
  Rocket,
  Waypoints,
} from "lucide-react";
import type { ReactNode } from "react";
import type { Basis, HopKind } from "@/api/types";
import { buildLabel, deploymentLabel, shortId, shortSha } from "@/format/text";

/** One icon per thing, the same everywhere. */
export const entityIcon: Record<HopKind, LucideIcon> = {
  commit: GitCommitHorizontal,
  build: Hammer,
  tests: FlaskConical,
  artifact: Package,
  deploy: Rocket,
  traces: Waypoints,
  errors: Bug,
  sessions: MonitorPlay,
};

export const UsersIcon = CircleUserRound;

const chip =
  "above inline-flex h-5 max-w-full min-w-0 items-center gap-1 rounded border border-line bg-panel px-1.5 text-xs text-soft hover:border-line-strong hover:text-fg";

function Inside({ icon: Icon, children }: { icon: LucideIcon; children: ReactNode }) {
  return (
    <>
      <Icon size={12} aria-hidden className="shrink-0 text-muted" />
      <span className="mono truncate">{children}</span>
    </>
  );
}

/** A commit leads to the builds made from it. */
export function CommitChip({ sha, className }: { sha: string; className?: string }) {
  if (!sha) return null;
  return (
    <Link to="/builds" search={{ commit_sha: sha }} title={`Commit ${sha}`} className={clsx(chip, className)}>
      <Inside icon={entityIcon.commit}>{shortSha(sha)}</Inside>
    </Link>
  );
}

export function BuildChip({ id, className }: { id: string; className?: string }) {
  if (!id) return null;
  return (
    <Link to="/builds/$buildId" params={{ buildId: id }} title={`Build ${id}`} className={clsx(chip, className)}>
      <Inside icon={entityIcon.build}>{buildLabel(id)}</Inside>
    </Link>
  );
}

/** A deployment leads to the traces of the code it brought. */
export function DeploymentChip({ id, className }: { id: string; className?: string }) {
  if (!id) return null;
  return (
    <Link to="/traces" search={{ deployment_id: id }} title={`Deployment ${id}`} className={clsx(chip, className)}>
      <Inside icon={entityIcon.deploy}>{deploymentLabel(id)}</Inside>
    </Link>
  );
}

export function TraceChip({ id, span, className }: { id: string; span?: string; className?: string }) {
  if (!id) return null;
  return (
    <Link to="/traces/$traceId" params={{ traceId: id }} search={{ span }} title={`Trace ${id}`} className={clsx(chip, className)}>
      <Inside icon={entityIcon.traces}>{shortId(id)}</Inside>
    </Link>
  );
}

export function ErrorChip({ fingerprint, children, className }: { fingerprint: string; children?: ReactNode; className?: string }) {
  if (!fingerprint) return null;
  return (
    <Link
      to="/errors/$fingerprint"
      params={{ fingerprint }}
      title={`Error ${fingerprint}`}
      className={clsx(chip, className)}
    >
      <Inside icon={entityIcon.errors}>{children ?? fingerprint.slice(0, 11)}</Inside>
    </Link>
  );
}

const basisWords: Record<Basis, string> = {
  digest: "by digest",
  revision: "by revision",
  version: "by version",
  time: "guess, by time",
  none: "",
};

const basisMeaning: Record<Basis, string> = {
  digest: "The image or artifact digest is the same on both sides.",
  revision: "The commit recorded on both sides is the same.",
  version: "The service version names this build or deployment.",
  time: "Only the time fits: a guess, not evidence.",
  none: "Nothing ties these together.",
};

/** BasisMark says in a word what the link rests on. Time alone is always called a guess. */
export function BasisMark({ basis, className }: { basis: Basis; className?: string }) {
  if (basis === "none" || !basisWords[basis]) return null;
  const guess = basis === "time";
  return (
    <span
      title={basisMeaning[basis]}
      className={clsx("text-2xs whitespace-nowrap", guess ? "rounded bg-warn-soft px-1 text-warn" : "text-muted", className)}
    >
      {basisWords[basis]}
    </span>
  );
}
