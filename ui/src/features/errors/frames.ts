import type { Frame } from "@/api/types";

export type FrameGroup = { kind: "app"; frame: Frame } | { kind: "other"; frames: Frame[] };

/** groupFrames keeps in-app frames open and gathers runs of others. With no in-app frame at all, all stay open. */
export function groupFrames(frames: Frame[]): FrameGroup[] {
  if (!frames.some((frame) => frame.in_app)) return frames.map((frame) => ({ kind: "app", frame }));
  const groups: FrameGroup[] = [];
  for (const frame of frames) {
    const last = groups.at(-1);
    if (frame.in_app) groups.push({ kind: "app", frame });
    else if (last?.kind === "other") last.frames.push(frame);
    else groups.push({ kind: "other", frames: [frame] });
  }
  return groups;
}

export function framePlace(frame: Frame): string {
  const place = frame.file || frame.module;
  if (!place) return "";
  if (!frame.line) return place;
  return frame.col ? `${place}:${frame.line}:${frame.col}` : `${place}:${frame.line}`;
}
