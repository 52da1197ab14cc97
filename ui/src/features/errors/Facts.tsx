import type { ReactNode } from "react";
import type { ErrorGroup } from "@/api/types";
import { Ago } from "@/components/Time";
import { formatCount } from "@/format/text";

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="eyebrow">{label}</dt>
      <dd className="truncate font-medium">{children}</dd>
    </div>
  );
}

/** Facts are a group's numbers in one row. */
export function Facts({ group }: { group: ErrorGroup }) {
  return (
    <dl className="flex flex-wrap gap-x-6 gap-y-2">
      <Fact label="Events">{formatCount(group.events)}</Fact>
      <Fact label="Users">{formatCount(group.users)}</Fact>
      <Fact label="First seen">
        <Ago at={group.first_seen} />
      </Fact>
      <Fact label="Last seen">
        <Ago at={group.last_seen} />
      </Fact>
      <Fact label="Service">{group.service || "–"}</Fact>
      <Fact label="Environment">{group.environment || "–"}</Fact>
      {group.versions.length > 0 && (
        <Fact label={group.versions.length === 1 ? "Version" : "Versions"}>
          <span className="mono" title={group.versions.join(", ")}>
            {group.versions.slice(0, 2).join(", ")}
            {group.versions.length > 2 && ` +${group.versions.length - 2}`}
          </span>
        </Fact>
      )}
    </dl>
  );
}
