import { useSyncExternalStore } from "react";

const stepMs = 5_000;
const round = () => Math.floor(Date.now() / stepMs) * stepMs;

function subscribe(listener: () => void) {
  const timer = setInterval(listener, stepMs);
  return () => clearInterval(timer);
}

/** useNow moves in steps of five seconds, so that "12s ago" stays honest without a render each second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, round);
}
