/** Which events are shown. The hub applies it to pages (`stream` and `label` of `/events`), the page to what happens. Pure. */
import type { EventState } from "../api/event.ts";

export interface EventFilter {
  /** Only of this camera; null for all. */
  readonly stream: string | null;
  /** Only of this class; null for all. */
  readonly label: string | null;
}

export function passes({ stream, label }: EventFilter, event: EventState): boolean {
  return (stream === null || event.stream === stream) && (label === null || event.label === label);
}

/** The same as the hub's query. */
export function queryOf({ stream, label }: EventFilter): { stream?: string; label?: string } {
  return { ...(stream === null ? {} : { stream }), ...(label === null ? {} : { label }) };
}
