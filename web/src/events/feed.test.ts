import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredEvent, StoredPicture } from "../api/event.ts";
import {
  around,
  CAPACITY,
  EMPTY_FEED,
  MAX_CAPACITY,
  newestLimit,
  olderOf,
  withEvent,
  withNewest,
  withOlder,
  withPicture,
  withRoom,
  type Feed,
} from "./feed.ts";

function event(n: number, rest: Partial<StoredEvent> = {}): StoredEvent {
  return {
    id: String(n).padStart(6, "0"),
    stream: "a.b",
    phase: "opened",
    revision: 1,
    label: "person",
    track: n,
    score: 0.5,
    box: [0, 0, 1, 1],
    openedUs: n,
    bestUs: n,
    closedUs: null,
    closedReason: null,
    rule: null,
    why: null,
    place: "edge",
    engine: "e",
    model: "m",
    picture: null,
    ...rest,
  };
}
function page(from: number, to: number, next: number | null = null) {
  const events = Array.from({ length: from - to + 1 }, (_, n) => event(from - n));
  return { events, next: next === null ? null : event(next).id };
}
const tracks = (feed: Feed): number[] => feed.events.map(({ track }) => track);

const whole = (revision: number): StoredPicture => ({ revision, hasCrop: false });
const cropped = (revision: number): StoredPicture => ({ revision, hasCrop: true });

test("pages and messages make one list, newest first, each event once", () => {
  let feed = withNewest(EMPTY_FEED, page(3, 2, 2));
  feed = withEvent(feed, event(5));
  feed = withEvent(feed, event(4));
  feed = withEvent(feed, event(5));
  feed = withOlder(feed, page(1, 0));
  assert.deepEqual(tracks(feed), [5, 4, 3, 2, 1, 0]);
  assert.equal(olderOf(feed), "none");
});

test("a later state replaces an earlier one, whichever comes first", () => {
  const closed = event(1, { revision: 3, phase: "closed", closedUs: 9 });
  for (const order of [[event(1), closed], [closed, event(1)]]) {
    const feed = order.reduce(withEvent, EMPTY_FEED);
    assert.deepEqual(feed.events.map((e) => e.phase), ["closed"]);
  }
});

test("an edge that is back after the hub gave it up has its word taken by an open page, and the hub's does not come back", () => {
  const closedBy = (closedUs: number, closedReason: string | null = null) => event(1, { revision: 3, phase: "closed", closedUs, closedReason });
  const told = closedBy(1);
  const stored = closedBy(1, "nothing was heard of its edge for 7 days");
  const goesOn = event(1, { revision: 3, phase: "updated" });
  const pageOf = (one: StoredEvent) => ({ events: [one], next: null });
  let feed = withEvent(withEvent(EMPTY_FEED, event(1, { revision: 2 })), told);
  feed = withNewest(feed, pageOf(stored));
  assert.equal(feed.events[0]?.closedReason, stored.closedReason, "the socket does not tell why, the page does");
  for (const edges of [closedBy(9), goesOn]) {
    const heard = withEvent(feed, edges);
    assert.deepEqual(heard.events, [edges]);
    assert.deepEqual(withNewest(heard, pageOf(stored)).events, [edges], "a page that was asked for before");
    assert.deepEqual(withNewest(feed, pageOf(edges)).events, [edges], "one that is fetched anew");
  }
});

test("the reason that a page tells is not erased by the socket's copy of the same end, which comes later and has none", () => {
  const told = event(1, { revision: 3, phase: "closed", closedUs: 1 });
  const stored = { ...told, closedReason: "nothing was heard of its edge for 7 days" };
  const pageOf = (one: StoredEvent) => ({ events: [one], next: null });
  const feed = withEvent(withNewest(EMPTY_FEED, pageOf(stored)), told);
  assert.deepEqual(feed.events, [stored]);
  assert.deepEqual(withNewest(feed, pageOf(told)).events, [told], "an edge's own end at the best view is had from the next page");
});

test("a picture stays, whatever states follow, and a better one replaces it", () => {
  let feed = withPicture(withEvent(EMPTY_FEED, event(1)), event(1).id, whole(1));
  feed = withEvent(feed, event(1, { revision: 2 }));
  assert.deepEqual(feed.events[0]?.picture, whole(1));
  feed = withPicture(feed, event(1).id, cropped(2));
  feed = withPicture(feed, event(1).id, whole(1));
  assert.deepEqual(feed.events[0]?.picture, cropped(2));
  feed = withPicture(feed, event(1).id, whole(3));
  assert.deepEqual(feed.events[0]?.picture, whole(3), "the crop of another frame is gone with it");
});

test("a picture that comes before its event waits for it", () => {
  let feed = withPicture(EMPTY_FEED, event(1).id, cropped(4));
  feed = withEvent(feed, event(1));
  assert.deepEqual(feed.events[0]?.picture, cropped(4));
  assert.equal(feed.orphans.size, 0);
  for (let n = 0; n < 500; n += 1) feed = withPicture(feed, `never ${n}`, whole(1));
  assert.ok(feed.orphans.size <= 64);
});

test("after a gap the list starts again from the newest page, and leaves no hole", () => {
  const feed = withNewest(EMPTY_FEED, page(9, 5, 5));
  const anew = withNewest(feed, page(12, 8, 8));
  assert.deepEqual(tracks(anew), [12, 11, 10, 9, 8]);
  assert.equal(anew.next, event(8).id, "what fell off the end can be had again");
  assert.deepEqual(tracks(withNewest(feed, page(90, 88, 88))), [90, 89, 88]);
});

test("what is heard while the newest page is under way stays, and hides no hole behind it", () => {
  const before = withNewest(EMPTY_FEED, page(9, 5, 5));
  const heard = withEvent(before, event(91));
  const anew = withNewest(heard, page(90, 88, 88));
  assert.deepEqual(tracks(anew), [91, 90, 89, 88]);
  assert.equal(anew.next, event(88).id);
  const first = withNewest(withEvent(EMPTY_FEED, event(91)), page(90, 88, 88));
  assert.equal(olderOf(first), "there", "an event that was heard before the first page");
});

test("the end of an event that was missed is in the page, however far down the list the event is", () => {
  let feed = withNewest(EMPTY_FEED, page(60, 11, 11));
  for (let n = 61; n <= 130; n += 1) feed = withEvent(feed, event(n));
  assert.equal(newestLimit(feed), 120);
  const closed = event(20, { revision: 2, phase: "closed", closedUs: 9 });
  const newest = page(130, 11, 11);
  feed = withNewest(feed, { ...newest, events: newest.events.map((e) => (e.id === closed.id ? closed : e)) });
  assert.deepEqual(feed.events.filter(({ phase }) => phase === "closed").map(({ track }) => track), [20]);
  assert.equal(newestLimit(EMPTY_FEED), 50);
});

test("with room made, what happens meanwhile does not push out the event that older ones follow", () => {
  let feed = withNewest(EMPTY_FEED, page(250, 51, 51));
  const { next } = feed;
  feed = withRoom(feed);
  for (let n = 251; n <= 300; n += 1) feed = withEvent(feed, event(n));
  assert.equal(feed.next, next);
});

test("the list is bounded; what falls off the end can be had again", () => {
  let feed = withNewest(EMPTY_FEED, page(10, 1));
  for (let n = 11; n <= 500; n += 1) feed = withEvent(feed, event(n));
  assert.equal(feed.events.length, CAPACITY);
  assert.equal(feed.next, event(500 - CAPACITY + 1).id);
  assert.equal(olderOf(feed), "there");
  for (let n = 300; n > -5000; n -= 50) feed = withOlder(feed, page(n, n - 49, n - 49));
  assert.ok(feed.events.length <= MAX_CAPACITY);
  assert.equal(olderOf(feed), "full", "there are older ones, and it does not look as if there were none");
});

test("an edge that was away brings old events: none of those between is skipped, however many it brings", () => {
  const hub = Array.from({ length: 1000 }, (_, n) => event(1000 - n));
  const older = (feed: Feed): Feed => {
    const rest = hub.filter(({ id }) => feed.next !== null && id < feed.next);
    const events = rest.slice(0, 50);
    return withOlder(feed, { events, next: rest.length > 50 ? (events.at(-1)?.id ?? null) : null });
  };
  let feed = withNewest(EMPTY_FEED, page(1000, 951, 951));
  for (let n = 499; n >= 300; n -= 1) feed = withEvent(feed, event(n, { revision: 2 }));
  assert.equal(feed.next, event(951).id);
  assert.equal(around(feed, event(951).id)?.older, null, "nothing is stepped over");
  for (let pages = 0; pages < 10; pages += 1) feed = older(feed);
  assert.deepEqual(tracks(feed), Array.from({ length: 550 }, (_, n) => 1000 - n));
});

test("what comes late of an event that is loaded is taken, also of the last one", () => {
  const feed = withEvent(withNewest(EMPTY_FEED, page(9, 5, 5)), event(5, { revision: 2, phase: "closed" }));
  assert.deepEqual(feed.events.map(({ phase }) => phase).at(-1), "closed");
});

test("beside an event are the next newer and the next older, and nothing at the list's ends", () => {
  const feed = [1, 2, 3].reduce((before, n) => withEvent(before, event(n)), EMPTY_FEED);
  const beside = (n: number) => {
    const found = around(feed, event(n).id);
    return found && [found.newer, found.event.id, found.older].map((id) => id && Number(id));
  };
  assert.deepEqual([1, 2, 3, 4].map(beside), [[2, 1, null], [3, 2, 1], [null, 3, 2], null]);
});
