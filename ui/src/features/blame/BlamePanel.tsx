import { useQuery } from "@tanstack/react-query";
import clsx from "clsx";
import { FileCode2 } from "lucide-react";
import { ApiError, type Params } from "@/api/fetcher";
import type { Blame, Suspect } from "@/api/analysis";
import { blameQuery } from "@/api/queries";
import { BasisMark, BuildChip, CommitChip } from "@/components/chips";
import { Card } from "@/components/DetailHeader";
import { ErrorState, Marks, SkeletonRows } from "@/components/states";
import { type Tone, toneSoft } from "@/components/status";
import { Ago } from "@/components/Time";
import { plural } from "@/format/text";

const confidenceTone: Record<Suspect["confidence"], Tone> = { high: "bad", medium: "warn", low: "idle" };

/** matchesFrame tells a changed file that a frame of the stack names, by its path's end. */
export function matchesFrame(file: string, frames: Blame["frames"]): boolean {
  return frames.some(({ file: frame }) => frame !== "" && (frame === file || frame.endsWith(`/${file}`) || file.endsWith(`/${frame}`)));
}

const maxFiles = 6;

function Files({ suspect, frames }: { suspect: Suspect; frames: Blame["frames"] }) {
  const { files, files_known } = suspect.commit;
  if (!files_known) return <p className="text-xs text-muted">Nobody told which files it changed.</p>;
  const sorted = files.toSorted((a, b) => Number(matchesFrame(b, frames)) - Number(matchesFrame(a, frames)));
  return (
    <ul className="space-y-0.5 text-xs">
      {sorted.slice(0, maxFiles).map((file) => (
        <li key={file} className={clsx("flex items-center gap-1.5", matchesFrame(file, frames) ? "font-medium text-bad" : "text-soft")}>
          <FileCode2 size={11} aria-hidden className="shrink-0" />
          <span className="mono truncate">{file}</span>
          {matchesFrame(file, frames) && <span className="shrink-0 rounded bg-bad-soft px-1 text-2xs text-bad">in the stack</span>}
        </li>
      ))}
      {sorted.length > maxFiles && <li className="text-muted">and {sorted.length - maxFiles} more</li>}
    </ul>
  );
}

function SuspectRow({ suspect, frames }: { suspect: Suspect; frames: Blame["frames"] }) {
  const { commit } = suspect;
  return (
    <li className="space-y-2 px-4 py-3">
      <div className="flex flex-wrap items-center gap-2">
        <span className="tabular text-xs text-muted">{suspect.rank}</span>
        <CommitChip sha={commit.sha} />
        <span className="min-w-0 flex-1 truncate font-medium">{commit.message.split("\n")[0] || "Message not known"}</span>
        <span className={clsx("inline-flex h-5 items-center rounded-full px-2 text-2xs font-medium", toneSoft[confidenceTone[suspect.confidence]])}>
          {suspect.confidence}
        </span>
      </div>
      <div className="flex items-center gap-2">
        <span className="text-xs whitespace-nowrap text-muted">
          {commit.author} <Ago at={commit.committed_at} />
        </span>
        <span role="img" aria-label={`suspicion ${Math.round(suspect.score * 100)} %`} className="h-1.5 flex-1 rounded-full bg-idle-soft">
          <span className="block h-full rounded-full bg-bad-fill" style={{ width: `${suspect.score * 100}%` }} />
        </span>
        <span className="tabular w-9 text-right text-xs">{Math.round(suspect.score * 100)} %</span>
      </div>
      <ul className="list-disc space-y-0.5 pl-4 text-xs text-soft">
        {suspect.reasons.map((reason) => (
          <li key={`${reason.kind} ${reason.text}`}>{reason.text}</li>
        ))}
      </ul>
      <Files suspect={suspect} frames={frames} />
    </li>
  );
}

function Window({ blame }: { blame: Blame }) {
  const { window } = blame;
  return (
    <div className="space-y-1 border-b border-line px-4 py-3">
      <p className="flex flex-wrap items-center gap-1.5">
        {blame.first_build ? (
          <>
            First on <BuildChip id={blame.first_build.id} />
          </>
        ) : (
          "No build is known for its first event"
        )}
        <BasisMark basis={blame.basis} />
        <Ago at={blame.first_seen_at} className="text-xs text-muted" />
      </p>
      <p className="text-xs text-muted">
        {plural(window.commits, "commit")} between {window.good ? <CommitChip sha={window.good.commit_sha} /> : "the beginning"} and{" "}
        {window.bad ? <CommitChip sha={window.bad.commit_sha} /> : "now"}. {window.reason}
        {!window.complete && " Some commits of the window are not known."}
      </p>
    </div>
  );
}

/** BlamePanel ranks the commits that may have brought an error or broken a build, each with its reasons. */
export function BlamePanel({ params }: { params: Params }) {
  const query = useQuery(blameQuery(params));
  const unknown = query.error instanceof ApiError && query.error.status === 404;
  const blame = query.data;
  return (
    <Card title="Suspects" count={blame && blame.suspects.length} actions={<Marks partial={blame?.partial} />}>
      {query.isPending && <SkeletonRows rows={3} height={44} />}
      {query.isError && !unknown && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {unknown && <p className="p-4 text-muted">No build or deployment is known from which this could have come.</p>}
      {blame && (
        <>
          <Window blame={blame} />
          <ol className="divide-y divide-line">
            {blame.suspects.map((suspect) => (
              <SuspectRow key={suspect.commit.sha} suspect={suspect} frames={blame.frames} />
            ))}
          </ol>
          {blame.suspects.length === 0 && <p className="p-4 text-muted">No commit in the window can be named.</p>}
        </>
      )}
    </Card>
  );
}
