import { X } from "lucide-react";
import type { ReactNode } from "react";
import { IconButton } from "./Button";

interface SidePanelProps {
  label: string;
  title: ReactNode;
  actions?: ReactNode;
  onClose: () => void;
  children: ReactNode;
}

/** SidePanel sits beside its list and never covers it; the list stays usable. */
export function SidePanel({ label, title, actions, onClose, children }: SidePanelProps) {
  return (
    <section
      aria-label={label}
      className="panel-in flex w-[30rem] max-w-[48%] shrink-0 flex-col border-l border-line bg-panel max-md:absolute max-md:inset-0 max-md:z-20 max-md:w-full max-md:max-w-none"
    >
      <div className="flex min-h-11 items-center gap-2 border-b border-line px-4 py-1.5">
        <div className="min-w-0 flex-1 truncate font-semibold">{title}</div>
        {actions}
        <IconButton label="Close panel (Esc)" onClick={onClose}>
          <X size={14} aria-hidden />
        </IconButton>
      </div>
      <div tabIndex={0} role="region" aria-label={`${label} content`} className="min-h-0 flex-1 overflow-auto">
        {children}
      </div>
    </section>
  );
}

/** ListLayout is a list with an optional panel at its right; each scrolls by itself. */
export function ListLayout({ header, children, panel }: { header: ReactNode; children: ReactNode; panel?: ReactNode }) {
  return (
    <div className="flex h-full flex-col">
      <div className="shrink-0 border-b border-line bg-panel px-4 py-2.5">{header}</div>
      <div className="relative flex min-h-0 flex-1">
        <div tabIndex={0} role="region" aria-label="List" className="@container/list min-w-0 flex-1 overflow-auto bg-panel">
          {children}
        </div>
        {panel}
      </div>
    </div>
  );
}

export function PanelSection({ title, count, children }: { title: string; count?: ReactNode; children: ReactNode }) {
  return (
    <section className="border-b border-line px-4 py-3 last:border-b-0">
      <h3 className="mb-2 flex items-center gap-2 text-xs font-semibold text-soft">
        {title}
        {count !== undefined && <span className="font-normal text-muted">{count}</span>}
      </h3>
      {children}
    </section>
  );
}
