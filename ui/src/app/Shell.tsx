import { useQueryClient } from "@tanstack/react-query";
import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useKeys } from "./keyboard";
import { Sidebar } from "./Sidebar";
import { toggleTheme } from "./theme";
import { Topbar } from "./Topbar";
import { useTimeRange } from "./useTimeRange";

const loadPalette = () => import("./Palette");
const HelpDialog = lazy(() => import("./HelpDialog").then((module) => ({ default: module.HelpDialog })));
const Palette = lazy(() => loadPalette().then((module) => ({ default: module.Palette })));

/** focusFilter puts the cursor into the page's own filter, marked data-filter. */
function focusFilter() {
  document.querySelector<HTMLElement>("[data-filter]")?.focus();
}

/** usePaletteAhead fetches the palette's code when the browser is idle, so that it opens at once. */
function usePaletteAhead() {
  useEffect(() => {
    const timer = setTimeout(() => void loadPalette(), 1_500);
    return () => clearTimeout(timer);
  }, []);
}

/** useRouteFocus moves the focus to the page when another page is shown, as a page load would. */
function useRouteFocus() {
  const main = useRef<HTMLElement>(null);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const shown = useRef(path);
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    main.current?.focus({ preventScroll: true });
  }, [path]);
  return main;
}

/** Shell is what every page sits in: navigation, time range, palette, keys. */
export function Shell() {
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  const main = useRouteFocus();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { live, setLive } = useTimeRange();
  usePaletteAhead();
  useKeys({
    "mod+k": () => setPalette((open) => !open),
    "?": () => setHelp(true),
    "/": focusFilter,
    "g e": () => void navigate({ to: "/errors" }),
    "g t": () => void navigate({ to: "/traces" }),
    "g b": () => void navigate({ to: "/builds" }),
    "g p": () => void navigate({ to: "/pipelines" }),
    "g f": () => void navigate({ to: "/flaky" }),
    "g d": () => void navigate({ to: "/dora" }),
    r: () => void queries.invalidateQueries(),
    L: () => setLive(!live),
    d: toggleTheme,
  });
  return (
    <>
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-raised focus:px-3 focus:py-1.5"
      >
        Skip to content
      </a>
      <div className="flex h-full">
        <Sidebar onHelp={() => setHelp(true)} />
        <div className="flex min-w-0 flex-1 flex-col">
          <Topbar onSearch={() => setPalette(true)} />
          <main
            id="main"
            ref={main}
            // A scrolling region must be reachable by keyboard.
            tabIndex={0}
            className="@container/main relative min-h-0 flex-1 overflow-auto"
          >
            <Outlet />
          </main>
        </div>
      </div>
      <Suspense>
        {help && <HelpDialog onClose={() => setHelp(false)} />}
        {palette && <Palette onClose={() => setPalette(false)} />}
      </Suspense>
    </>
  );
}
