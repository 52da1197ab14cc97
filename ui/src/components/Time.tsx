import { formatAgo, formatClock, parseMoment } from "@/format/time";
import { useNow } from "./useNow";

/** Ago is a moment as distance from now; hovering tells the exact UTC time. */
export function Ago({ at, className }: { at: string | null | undefined; className?: string }) {
  const now = useNow();
  const moment = parseMoment(at);
  if (!moment || !at) return <span className={className}>–</span>;
  return (
    <time dateTime={at} title={at} className={className}>
      {formatAgo(moment, now)}
    </time>
  );
}

/** Clock is a moment in the reader's time zone. */
export function Clock({ at, fraction, className }: { at: string | null | undefined; fraction?: boolean; className?: string }) {
  const moment = parseMoment(at);
  if (!moment || !at) return <span className={className}>–</span>;
  return (
    <time dateTime={at} title={at} className={className}>
      {formatClock(moment, fraction)}
    </time>
  );
}
