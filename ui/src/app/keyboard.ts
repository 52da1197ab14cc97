import { useEffect, useRef } from "react";

/** typing tells whether a key press belongs to a text field. */
function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

function inDialog(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("[role=dialog]") !== null;
}

export type KeyMap = Record<string, (event: KeyboardEvent) => void>;

const sequenceMs = 900;

/**
 * useKeys calls handlers by key: "j", "?", "Escape", or a sequence "g e". Nothing fires while the reader types or a
 * dialog is open, except "mod+k", which always does.
 */
export function useKeys(map: KeyMap) {
  const latest = useRef(map);
  useEffect(() => {
    latest.current = map;
  });
  useEffect(() => {
    let prefix = "";
    let prefixAt = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      const keys = latest.current;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        if (keys["mod+k"]) {
          event.preventDefault();
          keys["mod+k"](event);
        }
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || inDialog(event.target)) return;
      const sequence = prefix && event.timeStamp - prefixAt < sequenceMs ? `${prefix} ${event.key}` : "";
      prefix = event.key === "g" && !sequence ? "g" : "";
      prefixAt = event.timeStamp;
      const handler = keys[sequence] ?? (sequence ? undefined : keys[event.key]);
      if (!handler) return;
      event.preventDefault();
      handler(event);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}

/**
 * useRowKeys moves the focus over a list's rows with j and k. Rows are links marked data-row; Enter is theirs by
 * nature. onMove lets an open side panel follow the focus.
 */
export function useRowKeys(options: { onMove?: (row: HTMLElement) => void; onClose?: () => void }) {
  const move = (step: number) => {
    const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
    if (rows.length === 0) return;
    const focused = rows.indexOf(document.activeElement as HTMLElement);
    const selected = rows.findIndex((row) => row.dataset.selected === "true");
    const at = focused >= 0 ? focused : selected;
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
    if (next) options.onMove?.(next);
  };
  useKeys({ j: () => move(1), k: () => move(-1), Escape: () => options.onClose?.() });
}

export interface Shortcut {
  keys: string;
  does: string;
}

export const shortcuts: Shortcut[] = [
  { keys: "Ctrl K", does: "Search pages, services, builds and pasted ids" },
  { keys: "g e", does: "Go to errors" },
  { keys: "g t", does: "Go to traces" },
  { keys: "g b", does: "Go to builds" },
  { keys: "g p", does: "Go to pipelines" },
  { keys: "g f", does: "Go to flaky tests" },
  { keys: "g d", does: "Go to delivery" },
  { keys: "j / k", does: "Next or previous row" },
  { keys: "Enter", does: "Open the row" },
  { keys: "Esc", does: "Close the panel" },
  { keys: "/", does: "Filter this page" },
  { keys: "r", does: "Ask again" },
  { keys: "L", does: "Live updates on or off" },
  { keys: "d", does: "Dark or light" },
  { keys: "?", does: "This list" },
];
