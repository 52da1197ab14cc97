import type { TypedValue } from "@/api/types";

/** bytesLength of base64 without decoding it. */
function bytesLength(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return Math.max(0, (base64.length / 4) * 3 - padding);
}

/** showValue writes a typed value for reading. Integers come as text and stay exact. */
export function showValue(value: TypedValue): string {
  switch (value.type) {
    case "empty":
      return "";
    case "bytes":
      return `${bytesLength(value.value)} bytes: ${value.value}`;
    case "array":
      return `[${value.value.map(showNested).join(", ")}]`;
    case "kvlist":
      return `{${Object.entries(value.value)
        .map(([key, one]) => `${key}: ${showNested(one)}`)
        .join(", ")}}`;
    default:
      return String(value.value);
  }
}

function showNested(value: TypedValue): string {
  return value.type === "string" ? JSON.stringify(value.value) : showValue(value) || "empty";
}

/** searchable tells whether a value can be a trace search's attr=key=value. */
export function searchable(value: TypedValue): boolean {
  return value.type === "string" || value.type === "int" || value.type === "bool" || value.type === "double";
}
