import type { ReactNode } from "react";

interface PageTitleProps {
  title: string;
  note?: ReactNode;
  marks?: ReactNode;
  children?: ReactNode;
}

/** PageTitle heads a list page: its name, how much it shows, and its filters. */
export function PageTitle({ title, note, marks, children }: PageTitleProps) {
  return (
    <div className="flex flex-wrap items-center gap-x-5 gap-y-2">
      <title>{`${title} · Summit`}</title>
      <div className="flex items-baseline gap-2.5">
        <h1 className="text-lg font-semibold tracking-tight">{title}</h1>
        {note && <span className="text-xs text-muted">{note}</span>}
      </div>
      {marks}
      <div className="min-w-0">{children}</div>
    </div>
  );
}
