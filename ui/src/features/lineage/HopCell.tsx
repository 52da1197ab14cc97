import clsx from "clsx";
import { CircleDashed, LoaderCircle, X } from "lucide-react";
import type { Hop } from "@/api/types";
import { AppLink } from "@/components/AppLink";
import { BasisMark, entityIcon } from "@/components/chips";
import { Ago } from "@/components/Time";
import { formatCount } from "@/format/text";
import { hopDetail, hopNote, hopWords, isCode, type LinkLook, linkLook } from "./model";

const lines: Record<LinkLook, string> = {
  failing: "border-bad-fill",
  sure: "border-line-strong",
  guess: "border-dashed border-warn",
  open: "border-dotted border-line-strong",
};

/** Connector leads to the next hop; its look is the next hop's, since that is what the link claims. */
function Connector({ next }: { next: Hop }) {
  return <span aria-hidden className={clsx("absolute top-3 right-1.5 left-8 border-t-2", lines[linkLook(next)])} />;
}

function Node({ hop, here }: { hop: Hop; here: boolean }) {
  const Icon = hop.state === "known" ? entityIcon[hop.kind] : CircleDashed;
  const failed = hop.state === "known" && hop.status === "failed";
  return (
    <span
      className={clsx(
        "relative z-1 flex size-6 items-center justify-center rounded-full border",
        hop.state !== "known" && "border-dashed border-line-strong bg-panel text-muted",
        hop.state === "known" && !failed && "border-line-strong bg-raised text-soft",
        failed && "border-bad-fill bg-bad-soft text-bad",
        here && "ring-2 ring-accent ring-offset-2 ring-offset-panel",
      )}
    >
      <Icon size={13} aria-hidden />
    </span>
  );
}

function Note({ hop }: { hop: Hop }) {
  const note = hopNote(hop);
  if (!note) return null;
  const failing = note === "failing";
  return (
    <span className={clsx("inline-flex items-center gap-0.5", failing ? "font-medium text-bad" : note === "running" ? "text-run" : "text-muted")}>
      {failing && <X size={11} aria-hidden strokeWidth={3} />}
      {note === "running" && <LoaderCircle size={11} aria-hidden className="animate-spin" />}
      {note}
    </span>
  );
}

function Title({ hop }: { hop: Hop }) {
  const text = hop.title || hop.id || hopWords[hop.kind];
  const look = clsx("block truncate font-medium", isCode(text) && "mono", hop.status === "failed" && "text-bad");
  if (!hop.href) return <span className={look}>{text}</span>;
  return (
    <AppLink href={hop.href} className={clsx(look, "underline-offset-2 hover:underline")} title={hop.id || text}>
      {text}
    </AppLink>
  );
}

function Detail({ hop }: { hop: Hop }) {
  const { code, text } = hopDetail(hop);
  if (!code && !text) return null;
  return (
    <div className="truncate text-xs text-muted" title={hop.detail || hop.id}>
      {code && <span className="mono text-soft">{code}</span>}
      {code && text && " · "}
      {text}
    </div>
  );
}

/** saysCount: many a title already begins with the number. */
function saysCount(hop: Hop): boolean {
  return `${hop.title} ${hop.detail}`.replaceAll(",", "").includes(String(hop.count));
}

/** HopCell is one step. A known step links onward and says on what the tie rests; the others say that they aren't known. */
export function HopCell({ hop, next, here }: { hop: Hop; next?: Hop; here: boolean }) {
  const known = hop.state === "known";
  return (
    <li
      data-hop={hop.kind}
      data-id={hop.id}
      data-state={hop.state}
      data-status={hop.status}
      data-basis={hop.basis}
      aria-current={here ? "true" : undefined}
      title={hop.evidence}
      className="relative min-w-0 pr-4"
    >
      {next && <Connector next={next} />}
      <Node hop={hop} here={here} />
      <div className="mt-1.5 flex items-center gap-1.5 text-2xs text-muted">
        <span className={clsx(here && "font-semibold text-accent")}>{hopWords[hop.kind]}</span>
        {known && hop.count > 1 && !saysCount(hop) && <span className="tabular">{formatCount(hop.count)}</span>}
        <Note hop={hop} />
      </div>
      {known && (
        <>
          <Title hop={hop} />
          <Detail hop={hop} />
          <div className="flex items-center gap-1.5 text-2xs text-muted">
            <BasisMark basis={hop.basis} />
            {hop.at && hop.basis !== "none" && <span aria-hidden>·</span>}
            <Ago at={hop.at} className={clsx("truncate", !hop.at && "hidden")} />
          </div>
        </>
      )}
      {!known && hop.detail && <div className="truncate text-xs text-muted">{hop.detail}</div>}
    </li>
  );
}
