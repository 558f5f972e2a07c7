import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredEvent } from "../api/event.ts";
import { CAPACITY, EMPTY_FEED, hasOlder, MAX_CAPACITY, withEvent, withNewest, withOlder, withPicture, type Feed } from "./feed.ts";

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
    place: "edge",
    engine: "e",
    model: "m",
    pictureRevision: null,
    ...rest,
  };
}
function page(from: number, to: number, next: number | null = null) {
  const events = Array.from({ length: from - to + 1 }, (_, n) => event(from - n));
  return { events, next: next === null ? null : event(next).id };
}
const tracks = (feed: Feed): number[] => feed.events.map(({ track }) => track);

test("pages and messages make one list, newest first, each event once", () => {
  let feed = withNewest(EMPTY_FEED, page(3, 2, 2));
  feed = withEvent(feed, event(5));
  feed = withEvent(feed, event(4));
  feed = withEvent(feed, event(5));
  feed = withOlder(feed, page(1, 0));
  assert.deepEqual(tracks(feed), [5, 4, 3, 2, 1, 0]);
  assert.equal(hasOlder(feed), false);
});

test("a later state replaces an earlier one, whichever comes first", () => {
  const closed = event(1, { revision: 3, phase: "closed", closedUs: 9 });
  for (const order of [[event(1), closed], [closed, event(1)]]) {
    const feed = order.reduce(withEvent, EMPTY_FEED);
    assert.deepEqual(feed.events.map((e) => e.phase), ["closed"]);
  }
});

test("a picture stays, whatever states follow, and a better one replaces it", () => {
  let feed = withPicture(withEvent(EMPTY_FEED, event(1)), event(1).id, 1);
  feed = withEvent(feed, event(1, { revision: 2 }));
  assert.equal(feed.events[0]?.pictureRevision, 1);
  feed = withPicture(feed, event(1).id, 2);
  feed = withPicture(feed, event(1).id, 1);
  assert.equal(feed.events[0]?.pictureRevision, 2);
});

test("a picture that comes before its event waits for it", () => {
  let feed = withPicture(EMPTY_FEED, event(1).id, 4);
  feed = withEvent(feed, event(1));
  assert.equal(feed.events[0]?.pictureRevision, 4);
  assert.equal(feed.orphans.size, 0);
  for (let n = 0; n < 500; n += 1) feed = withPicture(feed, `never ${n}`, 1);
  assert.ok(feed.orphans.size <= 64);
});

test("after a gap that the newest page does not bridge, the list starts again", () => {
  const feed = withNewest(EMPTY_FEED, page(9, 5, 5));
  assert.deepEqual(tracks(withNewest(feed, page(12, 8, 8))), [12, 11, 10, 9, 8, 7, 6, 5]);
  const anew = withNewest(feed, page(90, 88, 88));
  assert.deepEqual(tracks(anew), [90, 89, 88]);
  assert.equal(anew.next, event(88).id);
});

test("the list is bounded; what falls off the end can be had again", () => {
  let feed = withNewest(EMPTY_FEED, page(10, 1));
  for (let n = 11; n <= 500; n += 1) feed = withEvent(feed, event(n));
  assert.equal(feed.events.length, CAPACITY);
  assert.equal(feed.next, event(500 - CAPACITY + 1).id);
  assert.ok(hasOlder(feed));
  for (let n = 300; n > -5000; n -= 50) feed = withOlder(feed, page(n, n - 49, n - 49));
  assert.ok(feed.events.length <= MAX_CAPACITY);
  assert.equal(hasOlder(feed), false);
});
