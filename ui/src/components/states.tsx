import clsx from "clsx";
import { Lock, type LucideIcon, PlugZap, RefreshCw, SearchX, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "@/api/fetcher";
import { Button } from "./Button";

interface MessageProps {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  role?: "alert" | "status";
  tone?: "bad" | "muted";
}

/** Message fills a page or a panel that has nothing else to show: what is so, why, and what to do next. */
export function Message({ icon: Icon, title, children, actions, role, tone = "muted" }: MessageProps) {
  return (
    <div role={role} className="mx-auto flex max-w-lg flex-col items-center px-6 py-14 text-center">
      <span
        className={clsx(
          "mb-4 flex size-10 items-center justify-center rounded-full border border-line bg-panel",
          tone === "bad" ? "text-bad" : "text-muted",
        )}
      >
        <Icon size={18} aria-hidden />
      </span>
      <h2 className="text-base font-semibold">{title}</h2>
      {children && <div className="mt-1 text-muted">{children}</div>}
      {actions && <div className="mt-4 flex flex-wrap justify-center gap-2">{actions}</div>}
    </div>
  );
}

export function EmptyState({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <Message icon={SearchX} title={title} role="status" actions={actions}>
      {children}
    </Message>
  );
}

/** ErrorState tells a refusal (403, 401) apart from a failure and repeats what the server said. */
export function ErrorState({ error, retry, actions }: { error: unknown; retry?: () => void; actions?: ReactNode }) {
  const api = error instanceof ApiError ? error : null;
  if (api && (api.status === 403 || api.status === 401)) {
    return (
      <Message icon={Lock} title="You may not see this" role="alert" actions={actions}>
        {api.problem.detail || "Your account has no permission for this data. Ask whoever runs this Summit for access."}
      </Message>
    );
  }
  const title = api?.status === 0 ? "No answer from the server" : (api?.problem.title ?? "This page broke");
  return (
    <Message
      icon={api?.status === 0 ? PlugZap : TriangleAlert}
      tone="bad"
      title={title}
      role="alert"
      actions={
        <>
          {retry && (
            <Button onClick={retry}>
              <RefreshCw size={13} aria-hidden /> Try again
            </Button>
          )}
          {actions}
        </>
      }
    >
      <p>{api ? api.message : error instanceof Error ? error.message : "Something unexpected happened."}</p>
      {api?.problem.field && (
        <p className="mt-2 text-xs">
          Parameter <code>{api.problem.field}</code>
          {api.problem.allowed && api.problem.allowed.length > 0 && (
            <>
              {" "}
              takes <code>{api.problem.allowed.join(", ")}</code>
            </>
          )}
        </p>
      )}
      {api && api.status > 0 && <p className="mt-2 text-2xs">HTTP {api.status}</p>}
    </Message>
  );
}

export function Skeleton({ className }: { className?: string }) {
  return <div className={clsx("skeleton", className)} />;
}

/** SkeletonRows stands where a list's rows will be, in their final height. */
export function SkeletonRows({ rows = 12, height = 52 }: { rows?: number; height?: number }) {
  return (
    <div role="status" aria-label="Loading" className="divide-y divide-line">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="flex items-center gap-6 px-4" style={{ height }}>
          <div className="flex-1 space-y-2">
            <Skeleton className="h-3 w-2/5" />
            {height > 40 && <Skeleton className="h-2.5 w-1/4" />}
          </div>
          <Skeleton className="h-4 w-24" />
          <Skeleton className="h-3 w-12" />
          <Skeleton className="h-3 w-16" />
        </div>
      ))}
    </div>
  );
}

/** Marks tells, where it holds, that an answer isn't the whole. */
export function Marks({ partial, sampled }: { partial?: boolean; sampled?: boolean }) {
  if (!partial && !sampled) return null;
  return (
    <span className="flex items-center gap-1.5">
      {partial && (
        <span
          title="Some data could not be read in time; what you see is not everything."
          className="inline-flex h-5 items-center gap-1 rounded-full bg-warn-soft px-2 text-2xs font-medium text-warn"
        >
          <TriangleAlert size={12} aria-hidden /> partial
        </span>
      )}
      {sampled && (
        <span
          title="Counts are estimated from sampled data."
          className="inline-flex h-5 items-center rounded-full bg-idle-soft px-2 text-2xs font-medium text-idle"
        >
          ≈ sampled
        </span>
      )}
    </span>
  );
}
