import { useSyncExternalStore } from "react";

export type Theme = "dark" | "light";

const key = "summit.theme";
const system = () => window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(key);
    return value === "dark" || value === "light" ? value : null;
  } catch {
    return null;
  }
}

function current(): Theme {
  return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
}

function apply(theme: Theme) {
  document.documentElement.dataset.theme = theme;
  for (const listener of listeners) listener();
}

/** toggleTheme stores the choice; choosing what the system says goes back to following it. */
export function toggleTheme() {
  const next: Theme = current() === "dark" ? "light" : "dark";
  try {
    if ((next === "dark") === system().matches) localStorage.removeItem(key);
    else localStorage.setItem(key, next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  apply(next);
}

function subscribe(listener: () => void) {
  const media = system();
  const follow = () => stored() ?? apply(media.matches ? "dark" : "light");
  listeners.add(listener);
  media.addEventListener("change", follow);
  return () => {
    listeners.delete(listener);
    media.removeEventListener("change", follow);
  };
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, current);
}
