import clsx from "clsx";
import {
  CircleAlert,
  CircleCheck,
  CircleDashed,
  CirclePause,
  CircleSlash,
  CircleX,
  Clock3,
  LoaderCircle,
  type LucideIcon,
} from "lucide-react";

/** The five things a status can mean to the eye. Each has a colour, an icon and, where shown, a word. */
export type Tone = "ok" | "bad" | "warn" | "run" | "idle";

export const toneText: Record<Tone, string> = {
  ok: "text-ok",
  bad: "text-bad",
  warn: "text-warn",
  run: "text-run",
  idle: "text-idle",
};

export const toneSoft: Record<Tone, string> = {
  ok: "bg-ok-soft text-ok",
  bad: "bg-bad-soft text-bad",
  warn: "bg-warn-soft text-warn",
  run: "bg-run-soft text-run",
  idle: "bg-idle-soft text-idle",
};

interface Look {
  tone: Tone;
  icon: LucideIcon;
  word: string;
}

const unknown: Look = { tone: "idle", icon: CircleDashed, word: "unknown" };

const looks: Record<string, Look> = {
  success: { tone: "ok", icon: CircleCheck, word: "success" },
  ok: { tone: "ok", icon: CircleCheck, word: "ok" },
  active: { tone: "ok", icon: CircleCheck, word: "active" },
  failure: { tone: "bad", icon: CircleX, word: "failed" },
  failed: { tone: "bad", icon: CircleX, word: "failed" },
  error: { tone: "bad", icon: CircleX, word: "error" },
  timeout: { tone: "bad", icon: Clock3, word: "timed out" },
  running: { tone: "run", icon: LoaderCircle, word: "running" },
  in_progress: { tone: "run", icon: LoaderCircle, word: "in progress" },
  pending: { tone: "idle", icon: CircleDashed, word: "pending" },
  queued: { tone: "idle", icon: CircleDashed, word: "queued" },
  waiting: { tone: "warn", icon: CirclePause, word: "waiting" },
  cancelled: { tone: "warn", icon: CircleSlash, word: "cancelled" },
  skipped: { tone: "idle", icon: CircleSlash, word: "skipped" },
  inactive: { tone: "idle", icon: CircleSlash, word: "inactive" },
  warning: { tone: "warn", icon: CircleAlert, word: "warning" },
  unset: { tone: "idle", icon: CircleDashed, word: "unset" },
};

export function statusLook(status: string): Look {
  return looks[status] ?? (status ? { ...unknown, word: status } : unknown);
}

export function StatusIcon({ status, size = 14 }: { status: string; size?: number }) {
  const { icon: Icon, tone, word } = statusLook(status);
  const spinning = Icon === LoaderCircle;
  return <Icon size={size} role="img" aria-label={word} className={clsx("shrink-0", toneText[tone], spinning && "animate-spin")} />;
}

export function StatusBadge({ status, className }: { status: string; className?: string }) {
  const { icon: Icon, tone, word } = statusLook(status);
  const spinning = Icon === LoaderCircle;
  return (
    <span
      className={clsx(
        "inline-flex h-5 items-center gap-1 rounded-full px-2 text-2xs font-medium whitespace-nowrap",
        toneSoft[tone],
        className,
      )}
    >
      <Icon size={12} aria-hidden className={clsx("shrink-0", spinning && "animate-spin")} />
      {word}
    </span>
  );
}
