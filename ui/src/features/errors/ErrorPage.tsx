import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ApiError } from "@/api/fetcher";
import { errorQuery } from "@/api/queries";
import type { ErrorDetail } from "@/api/types";
import { rangeLabel, widerRange } from "@/app/timerange";
import { useTimeRange } from "@/app/useTimeRange";
import { Sparkline } from "@/charts/Sparkline";
import { Button } from "@/components/Button";
import { BuildChip, CommitChip, TraceChip } from "@/components/chips";
import { Card, DetailHeader } from "@/components/DetailHeader";
import { EmptyState, ErrorState, SkeletonRows } from "@/components/states";
import { useNow } from "@/components/useNow";
import { BlamePanel } from "../blame/BlamePanel";
import { LineageStrip } from "../lineage/LineageStrip";
import { BuildsSeen } from "./BuildsSeen";
import { ErrorTitle } from "./ErrorTitle";
import { Facts } from "./Facts";
import { OccurrenceCard } from "./OccurrenceCard";
import { OccurrenceList } from "./OccurrenceList";

/** NotInRange: an unknown fingerprint and one that is silent in the range look the same to the server. */
function NotInRange({ fingerprint }: { fingerprint: string }) {
  const { range, setRange } = useTimeRange();
  const now = useNow();
  const wider = widerRange(range, now);
  return (
    <EmptyState
      title="This error was not seen in this time"
      actions={
        wider && (
          <Button look="primary" onClick={() => setRange({ from: wider.from, to: "now" })}>
            Look at the {wider.label.toLowerCase()}
          </Button>
        )
      }
    >
      <span className="mono break-all">{fingerprint}</span>, {rangeLabel(range, now).toLowerCase()}.
    </EmptyState>
  );
}

function Body({ detail }: { detail: ErrorDetail }) {
  const { event, service, environment } = useSearch({ from: "/errors/$fingerprint" });
  const navigate = useNavigate({ from: "/errors/$fingerprint" });
  const shown = detail.occurrences.find((one) => one.event_id === event) ?? detail.occurrences[0];
  return (
    <div className="grid gap-4 p-4 @5xl/main:grid-cols-[minmax(0,1fr)_22rem]">
      <div className="min-w-0 space-y-4">
        {shown && <OccurrenceCard occurrence={shown} />}
        <BlamePanel params={{ error: detail.fingerprint, service, environment }} />
      </div>
      <div className="min-w-0 space-y-4">
        <Card title="Trend">
          <div className="p-4">
            <Sparkline points={detail.trend} width={320} height={56} fluid />
          </div>
        </Card>
        <Card title="Introduced by">
          <div className="flex flex-wrap gap-1.5 p-4">
            <CommitChip sha={detail.first_commit} />
            <BuildChip id={detail.first_build} />
            {!detail.first_commit && !detail.first_build && <span className="text-muted">No build is known for its first event.</span>}
          </div>
        </Card>
        <Card title="Builds" count={detail.builds.length}>
          <div className="px-4 py-2">
            {detail.builds.length > 0 ? <BuildsSeen builds={detail.builds} /> : <p className="py-2 text-muted">None is known.</p>}
          </div>
        </Card>
        <Card title="Occurrences" count={`newest ${detail.occurrences.length}`}>
          <OccurrenceList
            occurrences={detail.occurrences}
            shown={shown?.event_id}
            choose={(id) => void navigate({ search: (before) => ({ ...before, event: id }), replace: true })}
          />
        </Card>
      </div>
    </div>
  );
}

export function ErrorPage() {
  const { fingerprint } = useParams({ from: "/errors/$fingerprint" });
  const { service, environment } = useSearch({ from: "/errors/$fingerprint" });
  const { params, refetchInterval } = useTimeRange();
  const query = useQuery({ ...errorQuery(fingerprint, { ...params, service, environment }), refetchInterval });
  if (query.isPending) return <SkeletonRows />;
  if (query.error instanceof ApiError && query.error.status === 404) return <NotInRange fingerprint={fingerprint} />;
  if (!query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const detail = query.data;
  return (
    <>
      <DetailHeader
        parent={{ to: "/errors", label: "Errors" }}
        id={fingerprint}
        idLabel="fingerprint"
        title={<ErrorTitle type={detail.type} title={detail.title} />}
        subtitle={
          <span className="mono text-muted">{detail.culprit || "place not known"}</span>
        }
        actions={<TraceChip id={detail.sample_trace_id} />}
      >
        <Facts group={detail} />
      </DetailHeader>
      <LineageStrip subject="error" id={fingerprint} params={{ ...params, service, environment }} />
      <Body detail={detail} />
    </>
  );
}
