import { useQuery } from "@tanstack/react-query";
import { servicesQuery } from "@/api/queries";
import { spanStatuses, type TracesSearch } from "@/app/search";
import { useTimeRange } from "@/app/useTimeRange";
import { FilterChip, FilterInput, FilterSelect } from "@/components/filters";
import { buildLabel, deploymentLabel, shortSha } from "@/format/text";
import { formatDuration, parseDuration } from "@/format/time";

interface TraceFiltersProps {
  search: TracesSearch;
  set: (change: Partial<TracesSearch>) => void;
}

function checkAttribute(text: string): string | null {
  return /^[^=\s]+=.+$/.test(text.trim()) ? null : "Write key=value, for example http.response.status_code=500";
}

function checkDuration(text: string): string | null {
  return parseDuration(text) === null ? "Write a duration: 250ms, 1.5s, 2m" : null;
}

/** compactDuration is a duration as it is typed. */
function compactDuration(ns: string | undefined): string | undefined {
  return ns ? formatDuration(Number(ns)).replaceAll(" ", "") : undefined;
}

/** Linked shows the filters that come with links from elsewhere. */
function Linked({ search, set }: TraceFiltersProps) {
  const { environment, commit_sha, build_run_id, deployment_id } = search;
  return (
    <>
      {environment && <FilterChip label="environment" value={environment} onClear={() => set({ environment: undefined })} />}
      {commit_sha && <FilterChip label="commit" value={shortSha(commit_sha)} onClear={() => set({ commit_sha: undefined })} />}
      {build_run_id && <FilterChip label="build" value={buildLabel(build_run_id)} onClear={() => set({ build_run_id: undefined })} />}
      {deployment_id && (
        <FilterChip label="deployment" value={deploymentLabel(deployment_id)} onClear={() => set({ deployment_id: undefined })} />
      )}
    </>
  );
}

export function TraceFilters({ search, set }: TraceFiltersProps) {
  const { params } = useTimeRange();
  const { data } = useQuery(servicesQuery({ ...params, limit: 200 }));
  const services = [...new Set(data?.items.map((item) => item.service).filter(Boolean))];
  const attributes = search.attr ?? [];
  return (
    <div className="flex flex-wrap items-center gap-2">
      <FilterInput
        primary
        label="service"
        value={search.service}
        placeholder="any"
        suggestions={services}
        onChange={(service) => set({ service })}
        className="w-40"
      />
      <FilterInput label="span" value={search.name} placeholder="any name" onChange={(name) => set({ name })} className="w-44" />
      <FilterSelect label="status" value={search.status} options={spanStatuses} onChange={(status) => set({ status: status as TracesSearch["status"] })} />
      <FilterInput
        label="at least"
        value={compactDuration(search.min_duration_ns)}
        placeholder="250ms"
        check={checkDuration}
        onChange={(text) => set({ min_duration_ns: text ? String(parseDuration(text) ?? "") || undefined : undefined })}
        className="w-32"
      />
      {attributes.map((attribute) => (
        <FilterChip
          key={attribute}
          label="attribute"
          value={attribute}
          onClear={() => set({ attr: attributes.filter((one) => one !== attribute) })}
        />
      ))}
      <FilterInput
        label="attribute"
        value={undefined}
        key={attributes.length}
        placeholder="key=value"
        check={checkAttribute}
        onChange={(text) => text && set({ attr: [...attributes, text] })}
        className="w-52"
      />
      <Linked search={search} set={set} />
    </div>
  );
}
