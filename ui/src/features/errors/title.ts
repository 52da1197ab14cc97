/** splitTitle takes a type repeated at the start of the title away from it. */
export function splitTitle(type: string, title: string): { head: string; rest: string } {
  if (!type) return { head: title || "Unnamed error", rest: "" };
  const rest = title.startsWith(type) ? title.slice(type.length).replace(/^\s*[:–-]?\s*/, "") : title;
  return { head: type, rest };
}
