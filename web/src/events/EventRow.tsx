import { memo, useRef } from "react";
import { colourOf } from "../live/overlay.ts";
import { everyMinute } from "../ui/ticker.ts";
import { useStore } from "../ui/useStore.ts";
import { Elapsed } from "./Elapsed.tsx";
import type { StoredEvent } from "../api/event.ts";
import { EventPicture } from "./EventPicture.tsx";
import type { Pictures } from "./pictures.ts";
import { useNearView } from "./useNearView.ts";
import { capitalised, clockTime, dayOf, ending, fullTime, percent, reason } from "./words.ts";

interface EventRowProps {
  readonly event: StoredEvent;
  readonly camera: string;
  /** Whether nothing is heard of its edge. */
  readonly silent: boolean;
  /** How far the clock of its edge, by which it began, is ahead of the hub's, in microseconds. */
  readonly aheadUs: number;
  readonly pictures: Pictures;
  readonly onOpen: (id: string) => void;
}

export const EventRow = memo(function EventRow({ event, camera, silent, aheadUs, pictures, onOpen }: EventRowProps) {
  const row = useRef<HTMLButtonElement>(null);
  const near = useNearView(row);
  const day = dayOf(event.openedUs, useStore(everyMinute));
  const ended = ending(event, silent);
  const why = reason(event.why);
  return (
    <button ref={row} id={rowId(event.id)} type="button" className={`event phase-${event.phase}`} onClick={() => onOpen(event.id)}>
      <EventPicture event={event} pictures={pictures} wanted={near} />
      <span className="event-words">
        <span className="event-first">
          <span className="event-label">
            <span className="swatch" style={{ backgroundColor: colourOf(event.label) }} aria-hidden="true" />
            {capitalised(event.label)}
          </span>
          <span className="event-score">{percent(event.score)}</span>
        </span>
        <span className="event-camera">{why === null ? camera : `${camera}: ${why}`}</span>
        <span className="event-last">
          <time dateTime={new Date(event.openedUs / 1000).toISOString()} title={fullTime(event.openedUs)}>
            {day === null ? "" : `${day}, `}
            {clockTime(event.openedUs)}
          </time>
          {ended === null ? (
            <span className="event-open">
              <span className="dot" aria-hidden="true" />
              Now, <Elapsed sinceUs={event.openedUs - aheadUs} />
            </span>
          ) : (
            <span className="event-length">{ended.why === null ? ended.words : `${ended.name} ${ended.words}`}</span>
          )}
        </span>
      </span>
    </button>
  );
});

function rowId(event: string): string {
  return `event-${event}`;
}

/** The row of an event on the page; null where it is not in the list. */
export function rowOf(event: string): HTMLElement | null {
  return document.getElementById(rowId(event));
}
