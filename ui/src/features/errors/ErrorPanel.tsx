import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowUpRight } from "lucide-react";
import { errorQuery } from "@/api/queries";
import type { ErrorDetail, ErrorGroup } from "@/api/types";
import { useTimeRange } from "@/app/useTimeRange";
import { Sparkline } from "@/charts/Sparkline";
import { buttonClass } from "@/components/Button";
import { BuildChip, CommitChip, TraceChip } from "@/components/chips";
import { PanelSection, SidePanel } from "@/components/SidePanel";
import { ErrorState, SkeletonRows } from "@/components/states";
import { BuildsSeen } from "./BuildsSeen";
import { Facts } from "./Facts";
import { Stack } from "./Stack";
import { splitTitle } from "./title";

function Summary({ group }: { group: ErrorGroup }) {
  const { head, rest } = splitTitle(group.type, group.title);
  return (
    <div className="border-b border-line px-4 py-3">
      <p className="line-clamp-3 break-words">
        <span className="font-semibold">{head}</span> <span className="text-soft">{rest}</span>
      </p>
      <p className="mono mt-1 mb-3 break-all text-muted">{group.culprit}</p>
      <Facts group={group} />
      <div className="mt-3">
        <Sparkline points={group.trend} width={440} height={44} fluid />
      </div>
    </div>
  );
}

function Introduced({ group }: { group: ErrorGroup }) {
  return (
    <PanelSection title="Introduced by">
      {group.first_commit || group.first_build ? (
        <div className="flex flex-wrap gap-1.5">
          <CommitChip sha={group.first_commit} />
          <BuildChip id={group.first_build} />
        </div>
      ) : (
        <p className="text-muted">No build is known for its first event.</p>
      )}
    </PanelSection>
  );
}

function Newest({ detail }: { detail: ErrorDetail }) {
  const newest = detail.occurrences[0];
  if (!newest) return null;
  return (
    <>
      <PanelSection title="Newest occurrence">
        <p className="mb-2 break-words">{newest.message || detail.title}</p>
        <TraceChip id={newest.trace_id} span={newest.span_id} />
      </PanelSection>
      <PanelSection title="Stack">
        <Stack frames={newest.frames} raw={newest.raw_stack} />
      </PanelSection>
    </>
  );
}

interface ErrorPanelProps {
  fingerprint: string;
  service?: string;
  environment?: string;
  known?: ErrorGroup;
  onClose: () => void;
}

/** ErrorPanel shows a group beside the list: what the list knows at once, the rest when it arrives. */
export function ErrorPanel({ fingerprint, service, environment, known, onClose }: ErrorPanelProps) {
  const { params, refetchInterval } = useTimeRange();
  const query = useQuery({ ...errorQuery(fingerprint, { ...params, service, environment }), refetchInterval });
  const group = query.data ?? known;
  return (
    <SidePanel
      label="Error"
      title={group?.type ?? "Error"}
      onClose={onClose}
      actions={
        <Link
          to="/errors/$fingerprint"
          params={{ fingerprint }}
          search={{ service, environment }}
          className={`${buttonClass.base} ${buttonClass.outline}`}
        >
          Open page <ArrowUpRight size={13} aria-hidden />
        </Link>
      }
    >
      {group && <Summary group={group} />}
      {group && <Introduced group={group} />}
      {query.isPending && <SkeletonRows rows={5} height={36} />}
      {query.isError && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data && <Newest detail={query.data} />}
      {query.data && query.data.builds.length > 0 && (
        <PanelSection title="Builds" count={query.data.builds.length}>
          <BuildsSeen builds={query.data.builds} />
        </PanelSection>
      )}
    </SidePanel>
  );
}
