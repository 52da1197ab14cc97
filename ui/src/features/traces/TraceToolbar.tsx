import { ChevronsDownUp, ChevronsUpDown, OctagonAlert, ZoomOut } from "lucide-react";
import type { Layout } from "@/charts/waterfall";
import { Button } from "@/components/Button";
import { FilterInput } from "@/components/filters";
import { formatCount } from "@/format/text";
import { seriesFill } from "./series";

interface TraceToolbarProps {
  layout: Layout;
  find?: string;
  setFind: (text: string | undefined) => void;
  zoomed: boolean;
  resetZoom: () => void;
  collapsed: boolean;
  collapseAll: () => void;
  nextError: () => void;
}

/** Legend names the services; a click lifts one service's spans out of the rest. */
function Legend({ layout, find, setFind }: Pick<TraceToolbarProps, "layout" | "find" | "setFind">) {
  return (
    <div className="flex min-w-0 flex-1 items-center gap-1 overflow-hidden" role="group" aria-label="Services">
      {layout.services.map((service) => (
        <button
          key={service.name}
          type="button"
          aria-pressed={find === service.name}
          onClick={() => setFind(find === service.name ? undefined : service.name)}
          className="inline-flex h-6 shrink-0 items-center gap-1.5 rounded px-1.5 text-xs text-soft hover:bg-hover aria-pressed:bg-selected"
        >
          <span aria-hidden className="size-2.5 rounded-sm" style={{ background: seriesFill(service.series) }} />
          {service.name || "unknown"}
          <span className="text-muted">{formatCount(service.spans)}</span>
        </button>
      ))}
    </div>
  );
}

export function TraceToolbar(props: TraceToolbarProps) {
  const { layout, find, setFind, zoomed, resetZoom, collapsed, collapseAll, nextError } = props;
  return (
    <div className="flex items-center gap-2 px-4 py-2">
      <Legend layout={layout} find={find} setFind={setFind} />
      {zoomed && (
        <Button onClick={resetZoom}>
          <ZoomOut size={13} aria-hidden /> Whole trace
        </Button>
      )}
      {layout.errors > 0 && (
        <Button onClick={nextError} title="Next error (e)">
          <OctagonAlert size={13} aria-hidden className="text-bad" /> Next error
        </Button>
      )}
      <Button onClick={collapseAll}>
        {collapsed ? <ChevronsUpDown size={13} aria-hidden /> : <ChevronsDownUp size={13} aria-hidden />}
        {collapsed ? "Expand" : "Collapse"}
      </Button>
      <FilterInput primary label="find" value={find} placeholder="span or service" onChange={setFind} className="w-48" />
    </div>
  );
}
