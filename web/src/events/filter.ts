/** Which events are shown. The hub applies it to pages (query of `/events`), the page to what happens. Pure. */
import type { EventState } from "../api/event.ts";
import { idAfter } from "./until.ts";

export interface EventFilter {
  /** Only of this camera; null for all. */
  readonly stream: string | null;
  /** Only of this class; null for all. */
  readonly label: string | null;
  /** Only those that began in this minute or before (`until.ts`); null for the newest. */
  readonly until: number | null;
}

export function passes({ stream, label, until }: EventFilter, event: Pick<EventState, "id" | "stream" | "label">): boolean {
  if (until !== null && event.id >= idAfter(until)) return false;
  return (stream === null || event.stream === stream) && (label === null || event.label === label);
}

/** The same as the hub's query. */
export function queryOf({ stream, label, until }: EventFilter): { stream?: string; label?: string; before?: string } {
  return {
    ...(stream === null ? {} : { stream }),
    ...(label === null ? {} : { label }),
    ...(until === null ? {} : { before: idAfter(until) }),
  };
}
