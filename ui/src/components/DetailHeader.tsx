import { Link } from "@tanstack/react-router";
import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { CopyButton } from "./Copy";

interface DetailHeaderProps {
  parent: { to: "/errors" | "/traces" | "/builds"; label: string };
  id: string;
  idLabel: string;
  badge?: ReactNode;
  title: ReactNode;
  subtitle?: ReactNode;
  actions?: ReactNode;
  children?: ReactNode;
}

/** DetailHeader heads a page about one thing: where it belongs, its id, its name, its facts. */
export function DetailHeader({ parent, id, idLabel, badge, title, subtitle, actions, children }: DetailHeaderProps) {
  return (
    <div className="bg-panel px-4 pt-2.5 pb-3">
      <title>{`${parent.label}: ${id} · Summit`}</title>
      <div className="flex items-center gap-1 text-xs text-muted">
        <Link to={parent.to} className="hover:text-fg hover:underline">
          {parent.label}
        </Link>
        <ChevronRight size={12} aria-hidden />
        <span className="mono truncate">{id}</span>
        <CopyButton text={id} label={`Copy ${idLabel}`} className="size-5!" />
        <div className="ml-auto flex items-center gap-2">{actions}</div>
      </div>
      <div className="mt-1 flex items-center gap-2.5">
        {badge}
        <h1 className="min-w-0 truncate text-lg font-semibold tracking-tight">{title}</h1>
      </div>
      {subtitle && <div className="mt-0.5">{subtitle}</div>}
      {children && <div className="mt-3">{children}</div>}
    </div>
  );
}

export function Card({ title, count, actions, children }: { title: string; count?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="overflow-hidden rounded-lg border border-line bg-panel">
      <div className="flex h-10 items-center gap-2 border-b border-line px-4">
        <h2 className="font-semibold">{title}</h2>
        {count !== undefined && <span className="text-xs text-muted">{count}</span>}
        <div className="ml-auto flex items-center gap-1">{actions}</div>
      </div>
      {children}
    </section>
  );
}
