import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import clsx from "clsx";
import { Keyboard, type LucideIcon, Moon, Sun, Workflow } from "lucide-react";
import { statusQuery } from "@/api/queries";
import { IconButton } from "@/components/Button";
import { entityIcon } from "@/components/chips";
import { ServiceNav } from "./ServiceNav";
import { toggleTheme, useTheme } from "./theme";

function Logo() {
  return (
    <svg viewBox="0 0 32 32" className="size-6" aria-hidden>
      <rect width="32" height="32" rx="8" className="fill-accent-fill" />
      <path d="M5 24 13.2 9.5a1.6 1.6 0 0 1 2.8 0L19 15l1.7-2.6a1.6 1.6 0 0 1 2.7.1L28 24Z" className="fill-white" />
    </svg>
  );
}

type PagePath = "/errors" | "/traces" | "/builds" | "/pipelines" | "/flaky" | "/dora";

const pages: { to: PagePath; label: string; key: string; icon: LucideIcon }[] = [
  { to: "/errors", label: "Errors", key: "g e", icon: entityIcon.errors },
  { to: "/traces", label: "Traces", key: "g t", icon: entityIcon.traces },
  { to: "/builds", label: "Builds", key: "g b", icon: entityIcon.build },
  { to: "/pipelines", label: "Pipelines", key: "g p", icon: Workflow },
  { to: "/flaky", label: "Flaky tests", key: "g f", icon: entityIcon.tests },
  { to: "/dora", label: "Delivery", key: "g d", icon: entityIcon.deploy },
];

const item =
  "group flex h-8 items-center gap-2.5 rounded-md px-2 font-medium text-soft hover:bg-hover hover:text-fg max-lg:justify-center";

function Nav() {
  return (
    <nav aria-label="Pages" className="space-y-0.5 px-2">
      {pages.map(({ to, label, key, icon: Icon }) => (
        <Link key={to} to={to} className={item} activeProps={{ className: "bg-selected text-fg!" }} title={label}>
          {({ isActive }) => (
            <>
              <Icon size={15} aria-hidden className={clsx("shrink-0", isActive ? "text-accent" : "text-muted")} />
              <span className="max-lg:sr-only">{label}</span>
              <kbd className="ml-auto text-2xs text-muted opacity-0 group-hover:opacity-100 max-lg:hidden">{key}</kbd>
            </>
          )}
        </Link>
      ))}
    </nav>
  );
}

/** StoreLine tells in one line which server answers and whether its store is ready. */
function StoreLine() {
  const { data, isError } = useQuery({ ...statusQuery(), refetchInterval: 30_000 });
  const ready = data?.ready === true;
  const word = isError ? "no answer" : !data ? "…" : ready ? `${data.store.kind} store` : "starting";
  return (
    <div title={data && `Summit ${data.version}, ${data.store.kind} store ${data.store.version}. ${data.store.detail}`} className="flex min-w-0 items-center gap-2 text-2xs text-muted max-lg:hidden">
      <span
        aria-hidden
        className={clsx("size-1.5 shrink-0 rounded-full", isError ? "bg-bad" : ready ? "bg-ok" : "bg-warn")}
      />
      <span className="truncate">{word}</span>
    </div>
  );
}

export function Sidebar({ onHelp }: { onHelp: () => void }) {
  const theme = useTheme();
  return (
    <div className="flex w-52 shrink-0 flex-col border-r border-line bg-panel max-lg:w-14">
      <Link to="/errors" className="flex h-12 items-center gap-2.5 px-4 text-base font-semibold tracking-tight max-lg:justify-center">
        <Logo />
        <span className="max-lg:sr-only">Summit</span>
      </Link>
      <div className="mt-1">
        <Nav />
      </div>
      <ServiceNav />
      <div className="mt-auto flex items-center gap-0.5 border-t border-line px-2 py-2 max-lg:flex-col">
        <div className="min-w-0 flex-1 pl-2">
          <StoreLine />
        </div>
        <IconButton label="Keyboard shortcuts" onClick={onHelp}>
          <Keyboard size={15} aria-hidden />
        </IconButton>
        <IconButton label={theme === "dark" ? "Light theme" : "Dark theme"} onClick={toggleTheme}>
          {theme === "dark" ? <Sun size={15} aria-hidden /> : <Moon size={15} aria-hidden />}
        </IconButton>
      </div>
    </div>
  );
}
