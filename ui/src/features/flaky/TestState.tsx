import clsx from "clsx";
import type { TestState } from "@/api/analysis";
import { type Tone, toneSoft } from "@/components/status";

const tones: Record<TestState, Tone> = { flaky: "warn", broken: "bad", healthy: "ok" };

export function StateBadge({ state }: { state: TestState }) {
  return <span className={clsx("inline-flex h-5 items-center rounded-full px-2 text-2xs font-medium", toneSoft[tones[state]])}>{state}</span>;
}
