/**
 * A moment to look at: the list then has what began in that minute or before, and nothing that comes later. Ids of events begin
 * with the millisecond in which they began (UUID version 7, RFC 9562 §5.7), so that the hub's `before` can ask for a time.
 * Pure. Moments are ms since the epoch, whole minutes.
 */

const MINUTE_MS = 60_000;
/** Bits that such an id has for the time. */
const MOST_MS = 2 ** 48 - MINUTE_MS;

/** From an address: `2026-11-20T14:00Z`, or without `Z` by the browser's own zone. Null for what is no moment. */
export function readUntil(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z?$/.test(text)) return null;
  const ms = Date.parse(text);
  return ms >= 0 && ms <= MOST_MS ? wholeMinute(ms) : null;
}

/** As it stands in an address: the same moment wherever the link is opened. */
export function writeUntil(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}

/** As a field for date and time wants it, in the browser's own zone. */
export function fieldOf(ms: number): string {
  const local = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = [String(local.getFullYear()).padStart(4, "0"), two(local.getMonth() + 1), two(local.getDate())].join("-");
  return `${date}T${two(local.getHours())}:${two(local.getMinutes())}`;
}

/** From that field, which showed `shownMs`: unchanged it is that moment, also in the hour that comes twice when summer time ends. */
export function readField(text: string, shownMs: number): number | null {
  return text === fieldOf(shownMs) ? wholeMinute(shownMs) : readUntil(text);
}

/** The least id of the minute after: whatever is less began until then. */
export function idAfter(ms: number): string {
  const time = (ms + MINUTE_MS).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`;
}

/** The minute in which the event of this id began. */
export function minuteOf(id: string): number {
  return wholeMinute(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16));
}

/** Whether a list until then, of which this is the last event, has nothing but that minute. */
export function isOneMinute(until: number | null, last: string): boolean {
  return minuteOf(last) === until;
}

/** With which minute another list goes on from this last event: its own, and where the list had nothing else, the one before. */
export function beyond(until: number | null, last: string): number {
  return isOneMinute(until, last) ? Math.max(0, minuteOf(last) - MINUTE_MS) : minuteOf(last);
}

function wholeMinute(ms: number): number {
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS;
}
