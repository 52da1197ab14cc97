import { Link } from "@tanstack/react-router";
import { ListFilter } from "lucide-react";
import type { Attributes, TypedValue } from "@/api/types";
import { searchable, showValue } from "./values";

function Value({ value }: { value: TypedValue }) {
  const text = showValue(value);
  if (value.type === "empty") return <span className="text-muted">empty</span>;
  return <span className="break-words whitespace-pre-wrap">{text === "" ? <span className="text-muted">""</span> : text}</span>;
}

function AttributeRow({ name, value }: { name: string; value: TypedValue }) {
  return (
    <tr className="group border-t border-line align-top first:border-t-0 hover:bg-hover">
      <th scope="row" className="mono w-2/5 py-1 pr-3 text-left font-normal break-words text-muted">
        {name}
      </th>
      <td className="mono py-1 pr-1">
        <Value value={value} />
      </td>
      <td className="w-20 py-1 text-right whitespace-nowrap">
        {value.type !== "string" && <span className="text-2xs text-muted">{value.type}</span>}
        {searchable(value) && (
          <Link
            to="/traces"
            search={{ attr: [`${name}=${showValue(value)}`] }}
            aria-label={`Traces with ${name} of this value`}
            title="Traces with this value"
            className="ml-1 inline-flex rounded p-0.5 align-middle text-muted opacity-0 group-hover:opacity-100 hover:text-fg focus-visible:opacity-100"
          >
            <ListFilter size={12} aria-hidden />
          </Link>
        )}
      </td>
    </tr>
  );
}

/** AttributeTable lists attributes by name; each type but the common string is told. */
export function AttributeTable({ attributes, label }: { attributes: Attributes; label: string }) {
  const entries = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return <p className="text-muted">None.</p>;
  return (
    <table className="w-full table-fixed" aria-label={label}>
      <tbody>
        {entries.map(([name, value]) => (
          <AttributeRow key={name} name={name} value={value} />
        ))}
      </tbody>
    </table>
  );
}
