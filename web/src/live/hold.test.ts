import assert from "node:assert/strict";
import { test } from "node:test";
import { Hold, LONGEST_MS } from "./hold.ts";
import { MOST_PIXELS } from "./still.ts";

/** With room for so many frames. */
function hold<T = string>(room = 8): Hold<T> {
  return new Hold<T>(room, () => 1);
}

test("a frame is shown when it is due and not before", () => {
  const held = hold();
  held.put("a", 100, 0);
  assert.deepEqual(held.take(99), { show: null, skip: [] });
  assert.deepEqual(held.take(100), { show: "a", skip: [] });
  assert.deepEqual(held.take(200), { show: null, skip: [] });
});

test("of several that are due the newest is shown", () => {
  const held = hold();
  for (const [frame, due] of [["a", 10], ["b", 20], ["c", 90]] as const) held.put(frame, due, 0);
  assert.deepEqual(held.take(50), { show: "b", skip: ["a"] });
  assert.equal(held.length, 1);
});

test("a delay that shrinks does not turn the order round", () => {
  const held = hold();
  held.put("a", 300, 0);
  held.put("b", 100, 33);
  assert.equal(held.take(200).show, null);
  assert.equal(held.take(300).show, "b");
});

test("no frame waits for ever", () => {
  const held = hold();
  held.put("a", 1e12, 0);
  assert.equal(held.take(LONGEST_MS - 1).show, null);
  assert.equal(held.take(LONGEST_MS).show, "a");
});

test("where the room is full the oldest is shown without waiting", () => {
  const held = hold<number>(2);
  for (const frame of [1, 2, 3]) held.put(frame, 900, 0);
  assert.deepEqual(held.take(0), { show: 1, skip: [] });
  assert.deepEqual(held.take(0), { show: null, skip: [] }, "the others wait on");
  held.put(4, 900, 10);
  assert.deepEqual(held.take(10), { show: 2, skip: [] });
  held.clear();
  for (const frame of [5, 6]) held.put(frame, 900, 20);
  assert.deepEqual(held.take(20), { show: null, skip: [] }, "what was given back takes up no room");
});

/** How many frames of this size and rate are shown before they are due, of those of five seconds. */
function early(pixels: number, perSecond: number, holdMs: number, room: number): number {
  const held = new Hold<{ pixels: number; dueMs: number }>(room, (frame) => frame.pixels);
  let count = 0;
  for (let n = 0; n < perSecond * 5; n += 1) {
    const nowMs = (n * 1000) / perSecond;
    held.put({ pixels, dueMs: nowMs + holdMs }, nowMs + holdMs, nowMs);
    const { show } = held.take(nowMs);
    if (show !== null && show.dueMs > nowMs) count += 1;
  }
  return count;
}

test("sixty small frames a second wait the whole time; large ones as long as there is memory", () => {
  assert.equal(early(640 * 360, 60, 2000, MOST_PIXELS), 0);
  assert.equal(early(1920 * 1080, 30, 900, MOST_PIXELS), 0);
  assert.ok(early(3840 * 2160, 30, 900, MOST_PIXELS) > 0);
});

test("what is given back is given back once", () => {
  const held = hold();
  held.put("a", 10, 0);
  assert.deepEqual(held.clear(), ["a"]);
  assert.deepEqual(held.clear(), []);
});
