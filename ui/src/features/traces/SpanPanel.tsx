import type { Span, SpanEvent } from "@/api/types";
import type { Row } from "@/charts/waterfall";
import { BasisMark, BuildChip, CommitChip, DeploymentChip, ErrorChip, TraceChip } from "@/components/chips";
import { CopyButton } from "@/components/Copy";
import { PanelSection, SidePanel } from "@/components/SidePanel";
import { StatusBadge } from "@/components/status";
import { formatDuration, type Moment, nanosBetween, parseMoment } from "@/format/time";
import { AttributeTable } from "./AttributeTable";
import { showValue } from "./values";
import { isException } from "./WaterfallRow";

function Summary({ row }: { row: Row }) {
  const { span } = row;
  const facts: [string, string][] = [
    ["Duration", formatDuration(row.duration)],
    ["Starts at", `+${formatDuration(row.start)}`],
    ["Kind", span.kind || "unspecified"],
  ];
  return (
    <div className="border-b border-line px-4 py-3">
      <p className="font-semibold break-words">{span.name}</p>
      <p className="mb-3 text-muted">{span.service || "unknown service"}</p>
      <dl className="flex flex-wrap gap-x-6 gap-y-2">
        <div>
          <dt className="eyebrow">Status</dt>
          <dd>
            <StatusBadge status={span.status.code} />
          </dd>
        </div>
        {facts.map(([label, text]) => (
          <div key={label}>
            <dt className="eyebrow">{label}</dt>
            <dd className="font-medium">{text}</dd>
          </div>
        ))}
      </dl>
      {span.status.message && <p className="mt-2 break-words text-bad">{span.status.message}</p>}
      <p className="mt-2 flex items-center gap-1 text-xs text-muted">
        span <span className="mono">{span.span_id}</span>
        <CopyButton text={span.span_id} label="Copy span id" className="size-5!" />
      </p>
    </div>
  );
}

/** attributeText reads one attribute for a heading; empty when it isn't there. */
function attributeText(event: SpanEvent, key: string): string {
  const value = event.attributes[key];
  return value ? showValue(value) : "";
}

function ExceptionBox({ event, fingerprint }: { event: SpanEvent; fingerprint: string }) {
  const stack = attributeText(event, "exception.stacktrace");
  return (
    <div className="overflow-hidden rounded-md border border-bad-fill">
      <div className="bg-bad-soft px-3 py-2">
        <p className="font-semibold break-words text-bad">{attributeText(event, "exception.type") || event.name}</p>
        <p className="break-words">{attributeText(event, "exception.message")}</p>
        {fingerprint && (
          <p className="mt-1.5">
            <ErrorChip fingerprint={fingerprint}>All occurrences</ErrorChip>
          </p>
        )}
      </div>
      {stack && (
        <pre tabIndex={0} aria-label="Stack trace" className="mono max-h-64 overflow-auto p-3 leading-5">
          {stack}
        </pre>
      )}
    </div>
  );
}

function Exceptions({ span }: { span: Span }) {
  const found = span.events.filter(isException);
  if (found.length === 0) return null;
  return (
    <PanelSection title="Exception" count={found.length > 1 ? found.length : undefined}>
      <div className="space-y-2">
        {found.map((event, index) => (
          <ExceptionBox key={index} event={event} fingerprint={event.fingerprint || span.error_fingerprint} />
        ))}
      </div>
    </PanelSection>
  );
}

function Code({ span }: { span: Span }) {
  const { commit_sha, build_run_id, deployment_id, basis } = span.correlation;
  const known = commit_sha || build_run_id || deployment_id;
  return (
    <PanelSection title="Code">
      {known ? (
        <div className="flex flex-wrap items-center gap-1.5">
          <CommitChip sha={commit_sha} />
          <BuildChip id={build_run_id} />
          <DeploymentChip id={deployment_id} />
          <BasisMark basis={basis} />
        </div>
      ) : (
        <p className="text-muted">No build or deployment is known for this span.</p>
      )}
    </PanelSection>
  );
}

function Events({ events, origin }: { events: SpanEvent[]; origin: Moment }) {
  const others = events.filter((event) => !isException(event));
  if (others.length === 0) return null;
  return (
    <PanelSection title="Events" count={others.length}>
      <ul className="space-y-3">
        {others.map((event, index) => {
          const time = parseMoment(event.time);
          return (
            <li key={index}>
              <p className="flex justify-between gap-3">
                <span className="font-medium break-words">{event.name}</span>
                <span className="text-xs whitespace-nowrap text-muted">{time && `+${formatDuration(nanosBetween(origin, time))}`}</span>
              </p>
              {Object.keys(event.attributes).length > 0 && <AttributeTable attributes={event.attributes} label={event.name} />}
            </li>
          );
        })}
      </ul>
    </PanelSection>
  );
}

function Links({ span }: { span: Span }) {
  if (span.links.length === 0) return null;
  return (
    <PanelSection title="Links" count={span.links.length}>
      <ul className="space-y-1.5">
        {span.links.map((link, index) => (
          <li key={index}>
            <TraceChip id={link.trace_id} span={link.span_id} />
            {Object.keys(link.attributes).length > 0 && <AttributeTable attributes={link.attributes} label="Link attributes" />}
          </li>
        ))}
      </ul>
    </PanelSection>
  );
}

/** SpanPanel is all that is known of one span. */
export function SpanPanel({ row, origin, onClose }: { row: Row; origin: Moment; onClose: () => void }) {
  const { span } = row;
  const attributes = Object.keys(span.attributes).length;
  const resource = Object.keys(span.resource).length;
  return (
    <SidePanel label="Span" title={span.name} onClose={onClose}>
      <Summary row={row} />
      <Exceptions span={span} />
      <Code span={span} />
      <PanelSection title="Attributes" count={attributes}>
        <AttributeTable attributes={span.attributes} label="Span attributes" />
      </PanelSection>
      <Events events={span.events} origin={origin} />
      <Links span={span} />
      <PanelSection title="Resource" count={resource}>
        <AttributeTable attributes={span.resource} label="Resource attributes" />
      </PanelSection>
      {span.scope.name && (
        <PanelSection title="Instrumentation">
          <p className="mono break-words text-muted">
            {span.scope.name} {span.scope.version}
          </p>
        </PanelSection>
      )}
    </SidePanel>
  );
}
