import clsx from "clsx";
import { CircleCheck, LoaderCircle } from "lucide-react";
import { useState } from "react";
import type { Status } from "@/api/types";
import { CopyButton } from "@/components/Copy";
import { Ago } from "@/components/Time";
import { formatCount } from "@/format/text";
import { type Snippet, snippets, type Step, steps } from "./snippets";

function received(status: Status, step: Step) {
  return status.signals.find((one) => step.signals.includes(one.signal) && one.items > 0);
}

function StepRow({ step, status, chosen, choose }: { step: Step; status: Status; chosen: boolean; choose: () => void }) {
  const got = received(status, step);
  return (
    <li>
      <button
        type="button"
        aria-pressed={chosen}
        onClick={choose}
        className={clsx("flex w-full items-center gap-3 rounded-md px-3 py-2.5 text-left", chosen ? "bg-selected" : "hover:bg-hover")}
      >
        {got ? (
          <CircleCheck size={16} aria-hidden className="shrink-0 text-ok" />
        ) : (
          <LoaderCircle size={16} aria-hidden className="shrink-0 animate-spin text-muted" />
        )}
        <span className="min-w-0 flex-1">
          <span className="block font-medium">{step.title}</span>
          <span className="block text-xs text-muted">{step.why}</span>
        </span>
        <span className="text-xs text-muted">
          {got ? (
            <>
              {formatCount(got.items)} received, <Ago at={got.last_at} />
            </>
          ) : (
            "waiting"
          )}
        </span>
      </button>
    </li>
  );
}

function SnippetBox({ snippet }: { snippet: Snippet }) {
  return (
    <figure className="min-w-0 overflow-hidden rounded-lg border border-line bg-bg">
      <figcaption className="flex h-9 items-center justify-between border-b border-line pr-1 pl-3 text-xs text-muted">
        {snippet.label}
        <CopyButton text={snippet.text} label={`Copy: ${snippet.label}`} />
      </figcaption>
      <pre tabIndex={0} aria-label={snippet.label} className="mono overflow-x-auto p-3 leading-5">
        {snippet.text}
      </pre>
    </figure>
  );
}

/** FirstRun stands where the list will be until the first data arrives, and watches for it. */
export function FirstRun({ status }: { status: Status }) {
  const firstMissing = steps.findIndex((step) => !received(status, step));
  const [chosen, setChosen] = useState(Math.max(0, firstMissing));
  const step = steps[chosen] ?? steps[0];
  const all = snippets(location.hostname || "127.0.0.1");
  return (
    <div className="mx-auto max-w-4xl px-6 py-10">
      <h2 className="text-lg font-semibold">Waiting for your first data</h2>
      <p className="mt-1 max-w-xl text-muted">
        Summit joins what your CI builds with what your services do. Send both and each error names the commit it came from.
      </p>
      <div className="mt-6 grid gap-5 md:grid-cols-[20rem_1fr]">
        <ol className="space-y-0.5">
          {steps.map((one, index) => (
            <StepRow key={one.title} step={one} status={status} chosen={index === chosen} choose={() => setChosen(index)} />
          ))}
        </ol>
        {step && <SnippetBox snippet={all[step.snippet]} />}
      </div>
      <p className="mt-6 text-xs text-muted">
        Nothing at hand to send? <code>summitctl demo</code> plays a shop with a bad commit in it.
      </p>
    </div>
  );
}
