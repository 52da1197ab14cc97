import { splitTitle } from "./title";

/** ErrorTitle is the type in bold and the message after it; senders often repeat the type in the message. */
export function ErrorTitle({ type, title }: { type: string; title: string }) {
  const { head, rest } = splitTitle(type, title);
  return (
    <span className="block truncate" title={title}>
      <span className="font-semibold">{head}</span>
      {rest && <span className="ml-1.5 font-normal text-soft">{rest}</span>}
    </span>
  );
}
