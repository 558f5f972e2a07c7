/**
 * The event list as a value: newest first, bounded, merged from pages over REST and from messages as they happen.
 * Nothing here does I/O; every function returns a new feed.
 */
import type { EventPage } from "../api/client.ts";
import type { EventState, StoredEvent, StoredPicture } from "../api/event.ts";

/** How many are kept at first, and by how much each page of older ones raises that. */
export const PAGE = 50;
/** The most that the hub gives at once (`MAX_LIMIT` in `cloud-hub/src/api/events.rs`). */
export const LARGEST_PAGE = 500;
export const CAPACITY = 200;
/** However often older ones are asked for. */
export const MAX_CAPACITY = 1000;
/** Pictures that arrived before their event; one follows the other within moments. */
const ORPHANS = 64;

export interface Feed {
  /** By id, newest first. */
  readonly events: readonly StoredEvent[];
  /** What to ask `before` of for older ones; null where there are none. */
  readonly next: string | null;
  readonly capacity: number;
  readonly orphans: ReadonlyMap<string, StoredPicture>;
}

export const EMPTY_FEED: Feed = { events: [], next: null, capacity: CAPACITY, orphans: new Map() };

/** How many of the newest to fetch, so that they take the place of all that is shown. */
export function newestLimit(feed: Feed): number {
  return Math.max(PAGE, feed.events.length);
}

/**
 * The newest page, at first or after something may have been missed. What was missed can be anywhere: an event, the end
 * of an older one, one from an edge that was away for long. So the list starts again from the page, and of what is known
 * only that stays which lies within the page's reach and may have happened since it was written.
 */
export function withNewest(feed: Feed, page: EventPage): Feed {
  const oldest = page.next === null ? undefined : page.events.at(-1);
  const known = oldest === undefined ? feed.events : feed.events.filter(({ id }) => id >= oldest.id);
  return bounded({ ...feed, events: merge(known, page.events), next: page.next });
}

export function withOlder(feed: Feed, page: EventPage): Feed {
  return bounded(withRoom({ ...feed, events: merge(feed.events, page.events), next: page.next }));
}

/** Raises the capacity, so that what happens meanwhile does not push out the event that the next older ones follow. */
export function withRoom(feed: Feed): Feed {
  return { ...feed, capacity: Math.min(MAX_CAPACITY, Math.max(feed.capacity, feed.events.length + CAPACITY - PAGE)) };
}

/**
 * One that is older than all that was loaded, as of an edge that was away or the end of a long one, is left to the page that
 * it is on: behind it would lie those that were not loaded, and nobody would ask for them.
 */
export function withEvent(feed: Feed, event: EventState): Feed {
  if (feed.next !== null && event.id < feed.next) return feed;
  const picture = feed.orphans.get(event.id) ?? null;
  const orphans = picture === null ? feed.orphans : new Map([...feed.orphans].filter(([id]) => id !== event.id));
  const closedReason = event.closedReason ?? reasonOf(feed, event);
  return bounded({ ...feed, orphans, events: merge(feed.events, [{ ...event, closedReason, picture }]) });
}

export function withPicture(feed: Feed, id: string, picture: StoredPicture): Feed {
  if (!feed.events.some((event) => event.id === id)) {
    return { ...feed, orphans: new Map([...feed.orphans, [id, picture] as const].slice(-ORPHANS)) };
  }
  const events = feed.events.map((event) => (event.id === id ? { ...event, picture: better(event.picture, picture) } : event));
  return { ...feed, events };
}

/** An event and the ids of those beside it in the list; null where it is not there. */
export function around({ events }: Feed, id: string): { event: StoredEvent; newer: string | null; older: string | null } | null {
  const at = events.findIndex((event) => event.id === id);
  const event = events[at];
  return event === undefined ? null : { event, newer: events[at - 1]?.id ?? null, older: events[at + 1]?.id ?? null };
}

/** What "load older" can do: nothing at the end, and nothing more where the list is as long as it may be. */
export function olderOf(feed: Feed): "none" | "there" | "full" {
  if (feed.next === null) return "none";
  return feed.events.length < MAX_CAPACITY ? "there" : "full";
}

/** Why the hub closed it, as a page has told of this very state: the socket, which may come later, tells it without. */
function reasonOf({ events }: Feed, { id, revision, closedUs }: EventState): string | null {
  return events.find((one) => one.id === id && one.revision === revision && one.closedUs === closedUs)?.closedReason ?? null;
}

function merge(known: readonly StoredEvent[], more: readonly StoredEvent[]): readonly StoredEvent[] {
  const byId = new Map(known.map((event) => [event.id, event]));
  for (const event of more) {
    const before = byId.get(event.id);
    byId.set(event.id, before === undefined ? event : newer(before, event));
  }
  return [...byId.values()].toSorted((a, b) => (a.id < b.id ? 1 : -1));
}

/** The later state of one event, with the later of the two pictures. */
function newer(a: StoredEvent, b: StoredEvent): StoredEvent {
  return { ...later(a, b), picture: better(a.picture, b.picture) };
}

/**
 * Of two with one revision `b`, which came later: where the hub closed an event whose edge was away, the edge's next has the
 * revision of the hub's word, and takes its place. But a page that was asked for before may still have the hub's word.
 */
function later(a: StoredEvent, b: StoredEvent): StoredEvent {
  if (a.revision !== b.revision) return a.revision > b.revision ? a : b;
  return b.closedReason !== null && a.closedUs !== b.closedUs ? a : b;
}

function better(a: StoredPicture | null, b: StoredPicture | null): StoredPicture | null {
  if (a === null || b === null) return a ?? b;
  return b.revision > a.revision ? b : a;
}

/** What falls off the end can be had again as older. */
function bounded(feed: Feed): Feed {
  if (feed.events.length <= feed.capacity) return feed;
  const events = feed.events.slice(0, feed.capacity);
  return { ...feed, events, next: events.at(-1)?.id ?? null };
}
