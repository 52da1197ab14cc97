import { useQuery } from "@tanstack/react-query";
import { Link, useRouterState, useSearch } from "@tanstack/react-router";
import clsx from "clsx";
import { servicesQuery } from "@/api/queries";
import type { Service } from "@/api/types";
import { formatCount } from "@/format/text";
import { useTimeRange } from "./useTimeRange";

/** byService adds up environments; the services with most errors come first. */
export function byService(items: Service[]): { service: string; spans: number; errors: number }[] {
  const sums = new Map<string, { service: string; spans: number; errors: number }>();
  for (const { service, spans, errors } of items) {
    const sum = sums.get(service) ?? { service, spans: 0, errors: 0 };
    sums.set(service, { service, spans: sum.spans + spans, errors: sum.errors + errors });
  }
  return [...sums.values()].sort((a, b) => b.errors - a.errors || b.spans - a.spans);
}

/** ServiceNav lists services beside the pages; one click narrows the present list to one of them. */
export function ServiceNav() {
  const { params, refetchInterval } = useTimeRange();
  const { data } = useQuery({ ...servicesQuery({ ...params, limit: 200 }), refetchInterval });
  const path = useRouterState({ select: (state) => state.location.pathname });
  const chosen = useSearch({ strict: false }).service;
  const to = path.startsWith("/traces") ? "/traces" : "/errors";
  const services = byService(data?.items ?? []);
  if (services.length === 0) return null;
  return (
    <nav aria-label="Services" className="mt-5 flex min-h-0 flex-col max-lg:hidden">
      <div className="eyebrow flex justify-between px-4 pb-1">
        <span>Services</span>
        <span>errors</span>
      </div>
      <ul className="min-h-0 overflow-auto px-2 pb-2">
        {services.map(({ service, errors, spans }) => (
          <li key={service}>
            <Link
              to={to}
              search={service === chosen ? {} : { service }}
              title={`${service}: ${formatCount(errors)} errors in ${formatCount(spans)} spans`}
              aria-current={service === chosen ? "true" : undefined}
              className={clsx(
                "flex h-7 items-center gap-2 rounded-md px-2 hover:bg-hover hover:text-fg",
                service === chosen ? "bg-selected text-fg" : "text-soft",
              )}
            >
              <span className="truncate">{service}</span>
              <span className={clsx("ml-auto text-xs", errors > 0 ? "text-bad" : "text-muted")}>{formatCount(errors)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
