import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Clock, CornerDownLeft, type LucideIcon, Search, Server, SunMoon, Workflow } from "lucide-react";
import { useState } from "react";
import { buildsQuery, servicesQuery } from "@/api/queries";
import { entityIcon } from "@/components/chips";
import { StatusIcon } from "@/components/status";
import { buildLabel, shortSha } from "@/format/text";
import { recognise } from "./recognise";
import { toggleTheme } from "./theme";
import { presets } from "./timerange";
import { useTimeRange } from "./useTimeRange";

const heading =
  "[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-2xs [&_[cmdk-group-heading]]:text-muted";

interface ItemProps {
  icon: LucideIcon;
  value: string;
  onSelect: () => void;
  children: React.ReactNode;
  hint?: React.ReactNode;
}

function Item({ icon: Icon, value, onSelect, children, hint }: ItemProps) {
  return (
    <Command.Item
      value={value}
      onSelect={onSelect}
      className="group flex h-8 items-center gap-2.5 rounded-md px-2 text-soft data-[selected=true]:bg-selected data-[selected=true]:text-fg"
    >
      <Icon size={14} aria-hidden className="shrink-0 text-muted" />
      <span className="min-w-0 truncate">{children}</span>
      <span className="ml-auto flex shrink-0 items-center gap-2 text-xs text-muted">
        {hint}
        <CornerDownLeft size={12} aria-hidden className="opacity-0 group-data-[selected=true]:opacity-100" />
      </span>
    </Command.Item>
  );
}

type Go = (action: () => void) => () => void;

/** Pasted is the item for an id in the search text; it leads straight to the thing. */
function Pasted({ text, go }: { text: string; go: Go }) {
  const navigate = useNavigate();
  const found = recognise(text);
  if (!found) return null;
  const { kind, id } = found;
  const open = {
    trace: () => void navigate({ to: "/traces/$traceId", params: { traceId: id } }),
    error: () => void navigate({ to: "/errors/$fingerprint", params: { fingerprint: id } }),
    build: () => void navigate({ to: "/builds/$buildId", params: { buildId: id } }),
    commit: () => void navigate({ to: "/builds", search: { commit_sha: id } }),
  }[kind];
  const icon = { trace: entityIcon.traces, error: entityIcon.errors, build: entityIcon.build, commit: entityIcon.commit }[kind];
  const words = { trace: "Open trace", error: "Open error", build: "Open build", commit: "Builds of commit" }[kind];
  return (
    <Command.Group heading="Pasted id" className={heading}>
      <Item icon={icon} value={text} onSelect={go(open)}>
        {words} <span className="mono">{id}</span>
      </Item>
    </Command.Group>
  );
}

function Pages({ go }: { go: Go }) {
  const navigate = useNavigate();
  return (
    <Command.Group heading="Pages" className={heading}>
      <Item icon={entityIcon.errors} value="Errors page" hint={<kbd>g e</kbd>} onSelect={go(() => void navigate({ to: "/errors" }))}>
        Errors
      </Item>
      <Item icon={entityIcon.traces} value="Traces page" hint={<kbd>g t</kbd>} onSelect={go(() => void navigate({ to: "/traces" }))}>
        Traces
      </Item>
      <Item icon={entityIcon.build} value="Builds page" hint={<kbd>g b</kbd>} onSelect={go(() => void navigate({ to: "/builds" }))}>
        Builds
      </Item>
      <Item icon={Workflow} value="Pipelines page" hint={<kbd>g p</kbd>} onSelect={go(() => void navigate({ to: "/pipelines" }))}>
        Pipelines
      </Item>
      <Item icon={entityIcon.tests} value="Flaky tests page" hint={<kbd>g f</kbd>} onSelect={go(() => void navigate({ to: "/flaky" }))}>
        Flaky tests
      </Item>
      <Item icon={entityIcon.deploy} value="Delivery page DORA" hint={<kbd>g d</kbd>} onSelect={go(() => void navigate({ to: "/dora" }))}>
        Delivery
      </Item>
    </Command.Group>
  );
}

function Services({ go }: { go: Go }) {
  const { params } = useTimeRange();
  const navigate = useNavigate();
  const { data } = useQuery(servicesQuery({ ...params, limit: 200 }));
  const names = [...new Set(data?.items.map((item) => item.service))].filter(Boolean).slice(0, 50);
  if (names.length === 0) return null;
  return (
    <Command.Group heading="Services" className={heading}>
      {names.flatMap((service) => [
        <Item
          key={`${service} errors`}
          icon={Server}
          value={`${service} errors`}
          hint="errors"
          onSelect={go(() => void navigate({ to: "/errors", search: { service } }))}
        >
          {service}
        </Item>,
        <Item
          key={`${service} traces`}
          icon={Server}
          value={`${service} traces`}
          hint="traces"
          onSelect={go(() => void navigate({ to: "/traces", search: { service } }))}
        >
          {service}
        </Item>,
      ])}
    </Command.Group>
  );
}

function Builds({ go }: { go: Go }) {
  const { params } = useTimeRange();
  const navigate = useNavigate();
  const { data } = useInfiniteQuery(buildsQuery({ ...params, limit: 20 }));
  const builds = data?.pages[0]?.items ?? [];
  if (builds.length === 0) return null;
  return (
    <Command.Group heading="Recent builds" className={heading}>
      {builds.map((build) => (
        <Item
          key={build.id}
          icon={entityIcon.build}
          value={`${build.id} ${build.pipeline} ${build.branch} ${build.commit_sha}`}
          hint={
            <>
              <span className="mono">{shortSha(build.commit_sha)}</span>
              <StatusIcon status={build.status} />
            </>
          }
          onSelect={go(() => void navigate({ to: "/builds/$buildId", params: { buildId: build.id } }))}
        >
          {build.pipeline || build.name} <span className="mono">{buildLabel(build.id)}</span> on {build.branch}
        </Item>
      ))}
    </Command.Group>
  );
}

function Actions({ go }: { go: Go }) {
  const { setRange } = useTimeRange();
  return (
    <Command.Group heading="Actions" className={heading}>
      <Item icon={SunMoon} value="Switch between dark and light theme" hint={<kbd>d</kbd>} onSelect={go(toggleTheme)}>
        Switch between dark and light
      </Item>
      {presets.map(({ label, from }) => (
        <Item key={from} icon={Clock} value={`Time range ${label}`} onSelect={go(() => setRange({ from, to: "now" }))}>
          {label}
        </Item>
      ))}
    </Command.Group>
  );
}

export function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const go: Go = (action) => () => {
    onClose();
    action();
  };
  return (
    <Command.Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      label="Search everything"
      overlayClassName="fixed inset-0 z-40 bg-[oklch(0_0_0/0.4)]"
      contentClassName="fixed top-[12vh] left-1/2 z-50 w-[38rem] max-w-[92vw] -translate-x-1/2 overflow-hidden rounded-xl border border-line bg-raised shadow-pop"
      loop
    >
      <div className="flex items-center gap-2.5 border-b border-line px-4">
        <Search size={15} aria-hidden className="shrink-0 text-muted" />
        <Command.Input
          value={text}
          onValueChange={setText}
          placeholder="Pages, services, builds, or a pasted id"
          className="h-11 w-full bg-transparent text-base outline-none placeholder:text-muted"
        />
      </div>
      <Command.List className="max-h-[52vh] overflow-auto p-1.5">
        <Command.Empty className="px-3 py-6 text-center text-muted">
          Nothing by that name. Trace ids, fingerprints, build ids and commits can be pasted whole.
        </Command.Empty>
        <Pasted text={text} go={go} />
        <Pages go={go} />
        <Services go={go} />
        <Builds go={go} />
        <Actions go={go} />
      </Command.List>
    </Command.Dialog>
  );
}
