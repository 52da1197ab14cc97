import clsx from "clsx";
import { ChevronRight } from "lucide-react";
import type { Frame } from "@/api/types";
import { CopyButton } from "@/components/Copy";
import { plural } from "@/format/text";
import { framePlace, groupFrames } from "./frames";

function FrameLine({ frame, first }: { frame: Frame; first?: boolean }) {
  return (
    <div className={clsx("mono border-l-2 px-3 py-1.5", first ? "border-bad-fill bg-bad-soft" : "border-transparent")}>
      <div className={clsx("break-all", frame.in_app ? "font-medium text-fg" : "text-soft")}>{frame.function || "anonymous"}</div>
      <div className="break-all text-muted">
        {framePlace(frame)}
        {frame.file && frame.module && frame.module !== frame.file && <span> in {frame.module}</span>}
      </div>
    </div>
  );
}

/** Stack shows the frames of our own code open and folds runs of others; the raw text is one click away. */
export function Stack({ frames, raw }: { frames: Frame[]; raw: string }) {
  if (frames.length === 0 && !raw) return <p className="text-muted">This event came without a stack.</p>;
  const groups = groupFrames(frames);
  const firstApp = groups.findIndex((group) => group.kind === "app" && group.frame.in_app);
  return (
    <div>
      {groups.length > 0 && (
        <ol className="divide-y divide-line overflow-hidden rounded-md border border-line">
          {groups.map((group, index) => (
            <li key={index}>
              {group.kind === "app" ? (
                <FrameLine frame={group.frame} first={index === firstApp} />
              ) : (
                <details className="group">
                  <summary className="flex list-none items-center gap-1 bg-bg px-2.5 py-1 text-xs text-muted hover:text-fg">
                    <ChevronRight size={12} aria-hidden className="transition-transform group-open:rotate-90" />
                    {plural(group.frames.length, "library frame")}
                  </summary>
                  <div className="divide-y divide-line border-t border-line">
                    {group.frames.map((frame, at) => (
                      <FrameLine key={at} frame={frame} />
                    ))}
                  </div>
                </details>
              )}
            </li>
          ))}
        </ol>
      )}
      {raw && (
        <details className="group mt-2" open={frames.length === 0}>
          <summary className="flex list-none items-center gap-1 text-xs text-muted hover:text-fg">
            <ChevronRight size={12} aria-hidden className="transition-transform group-open:rotate-90" />
            As it was sent
          </summary>
          <div className="relative mt-1">
            <pre tabIndex={0} aria-label="Raw stack" className="mono max-h-96 overflow-auto rounded-md border border-line bg-bg p-3 leading-5">
              {raw}
            </pre>
            <CopyButton text={raw} label="Copy the stack" className="absolute! top-1 right-1" />
          </div>
        </details>
      )}
    </div>
  );
}
