/** What a pasted text can be, as a page to go to. */
export type Recognised =
  | { kind: "trace"; id: string }
  | { kind: "error"; id: string }
  | { kind: "commit"; id: string }
  | { kind: "build"; id: string };

/**
 * recognise finds ids in what was typed or pasted: a W3C traceparent, a trace id with or without dashes, an error
 * fingerprint, a build id, a commit. A trace id and a full commit differ in length only: 32 and 40 digits.
 */
export function recognise(input: string): Recognised | null {
  const text = input.trim();
  const parent = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/i.exec(text);
  if (parent?.[1]) return { kind: "trace", id: parent[1].toLowerCase() };
  const plain = text.replaceAll("-", "").toLowerCase();
  if (/^[0-9a-f]{32}$/.test(plain)) return { kind: "trace", id: plain };
  if (/^v\d+:[0-9a-f]{32}$/i.test(text)) return { kind: "error", id: text.toLowerCase() };
  if (/^[a-z_]+:[^:\s]+:[^:\s]+\/[^:\s]+:[^:\s]+:\d+$/i.test(text)) return { kind: "build", id: text };
  if (/^[0-9a-f]{7,40}$/i.test(text)) return { kind: "commit", id: text.toLowerCase() };
  return null;
}
