const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const grouped = new Intl.NumberFormat("en");

/** formatCount shortens from ten thousand on: 9,812, then 12.3K. */
export function formatCount(value: number): string {
  return value < 10_000 ? grouped.format(value) : compact.format(value);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export function shortSha(sha: string): string {
  return sha.slice(0, 7);
}

export function shortId(id: string): string {
  return id.length > 12 ? id.slice(0, 8) : id;
}

/** shortDigest keeps the algorithm and the first twelve digits. */
export function shortDigest(digest: string): string {
  const colon = digest.indexOf(":");
  return colon < 0 ? digest.slice(0, 12) : `${digest.slice(0, colon + 1)}${digest.slice(colon + 1, colon + 13)}`;
}

/** lastIdPart is the number people know a run or a deployment by; an attempt after the first is told. */
export function buildLabel(id: string): string {
  const parts = id.split(":");
  const attempt = parts.at(-1) ?? "";
  const run = parts.at(-2) ?? id;
  if (parts.length < 5) return id;
  return attempt === "1" || attempt === "" ? `#${run}` : `#${run}.${attempt}`;
}

export function deploymentLabel(id: string): string {
  return `#${id.split(":").at(-1) ?? id}`;
}

/** httpUrl lets through only web addresses; what a sender wrote must never become a javascript: link. */
export function httpUrl(text: string): string | undefined {
  return /^https?:\/\//i.test(text) ? text : undefined;
}

/** appPath lets through only paths of this application. */
export function appPath(href: string): string | undefined {
  return href.startsWith("/") && !href.startsWith("//") ? href : undefined;
}
