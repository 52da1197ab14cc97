import { BuildChip, CommitChip } from "@/components/chips";
import { formatCount } from "@/format/text";

/** BuildsSeen lists the builds an error was seen on, with each one's share as a bar. */
export function BuildsSeen({ builds }: { builds: { build_run_id: string; commit_sha: string; events: number }[] }) {
  const most = Math.max(1, ...builds.map((build) => build.events));
  return (
    <table className="w-full">
      <thead>
        <tr className="text-left text-2xs text-muted">
          <th className="pb-1 font-medium">Build</th>
          <th className="pb-1 font-medium">Commit</th>
          <th className="w-1/3 pb-1 pl-3 text-right font-medium">Events</th>
        </tr>
      </thead>
      <tbody>
        {builds.map((build) => (
          <tr key={`${build.build_run_id} ${build.commit_sha}`} className="h-8 border-t border-line">
            <td>{build.build_run_id ? <BuildChip id={build.build_run_id} /> : <span className="text-muted">not known</span>}</td>
            <td>{build.commit_sha ? <CommitChip sha={build.commit_sha} /> : <span className="text-muted">not known</span>}</td>
            <td className="pl-3">
              <div className="flex items-center justify-end gap-2">
                <span aria-hidden className="h-1.5 flex-1 overflow-hidden rounded-full bg-idle-soft">
                  <span className="block h-full rounded-full bg-bad-fill" style={{ width: `${(build.events / most) * 100}%` }} />
                </span>
                <span className="w-12 text-right">{formatCount(build.events)}</span>
              </div>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
