import assert from "node:assert/strict";
import { test } from "node:test";
import type { Own } from "./boxes.ts";
import { Hold, LATE_MS, LONGEST_MS, PATIENCE_MS } from "./hold.ts";
import { MOST_PIXELS } from "./still.ts";

/** With room for so many frames. */
function hold<T = string>(room = 8): Hold<T> {
  return new Hold<T>(room, () => 1);
}

const none = () => "none" as const;
/** Those that begin with an a. */
const analysed = (frame: string) => (frame.startsWith("a") ? "there" : "none");

test("a frame is shown when it is due and not before", () => {
  const held = hold();
  held.put("a", 100, 0);
  assert.deepEqual(held.take(99, none), { show: null, skip: [] });
  assert.deepEqual(held.take(100, none), { show: "a", skip: [] });
  assert.deepEqual(held.take(200, none), { show: null, skip: [] });
});

test("of several that are due the newest is shown", () => {
  const held = hold();
  for (const [frame, due] of [["a", 10], ["b", 20], ["c", 90]] as const) held.put(frame, due, 0);
  assert.deepEqual(held.take(50, none), { show: "b", skip: ["a"] });
  assert.equal(held.length, 1);
});

test("an analysed frame is not passed over: those behind it wait for the next refresh", () => {
  const held = hold();
  for (const [n, frame] of ["a0", "1", "a2", "3", "4"].entries()) held.put(frame, n * 10, 0);
  assert.deepEqual(held.take(50, analysed), { show: "a0", skip: [] });
  assert.deepEqual(held.take(66, analysed), { show: "a2", skip: ["1"] });
  assert.deepEqual(held.take(83, analysed), { show: "4", skip: ["3"] });
  assert.deepEqual(held.take(100, analysed), { show: null, skip: [] });
});

test("an analysed frame that comes late is not passed over for that", () => {
  const held = hold();
  for (const frame of ["a1", "2", "a3"]) held.put(frame, 0, 10 * LATE_MS);
  assert.equal(held.take(10 * LATE_MS, analysed).show, "a1");
  assert.equal(held.take(10 * LATE_MS + 16, analysed).show, "a3");
});

test("a screen that can't keep up with analysed frames falls behind by so much and no more", () => {
  const held = hold(1000);
  let shown = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs += 10) {
    held.put(`a${nowMs}`, nowMs, nowMs);
    if (nowMs % 100 !== 0) continue;
    const { show } = held.take(nowMs, analysed);
    assert.ok(show !== null && nowMs - Number(show.slice(1)) <= LATE_MS, `${show} at ${nowMs}`);
    shown += 1;
  }
  assert.equal(shown, 100);
});

test("a frame whose boxes are awaited is shown when they come, or when patience ends", () => {
  const boxes = new Map<string, Own>([["b", "awaited"]]);
  const own = (frame: string) => boxes.get(frame) ?? "none";
  const held = hold();
  for (const [n, frame] of ["a", "b", "c"].entries()) held.put(frame, n * 33, 0);
  assert.deepEqual(held.take(40, own), { show: "a", skip: [] });
  assert.deepEqual(held.take(70, own), { show: null, skip: [] }, "what is behind it waits too");
  boxes.set("b", "there");
  assert.deepEqual(held.take(80, own), { show: "b", skip: [] });
  assert.deepEqual(held.take(96, own), { show: "c", skip: [] });
  boxes.set("d", "awaited");
  held.put("d", 100, 100);
  assert.equal(held.take(99 + PATIENCE_MS, own).show, null);
  assert.equal(held.take(100 + PATIENCE_MS, own).show, "d");
});

test("where the room is full nothing is awaited", () => {
  const held = hold(1);
  for (const frame of ["a", "b"]) held.put(frame, 0, 0);
  assert.deepEqual(held.take(0, () => "awaited"), { show: "a", skip: [] });
});

test("an analysed frame is passed over where there is no room for those behind it", () => {
  const held = hold(2);
  for (const frame of ["a1", "a2", "a3", "a4"]) held.put(frame, 0, 0);
  assert.deepEqual(held.take(0, analysed), { show: "a2", skip: ["a1"] });
  assert.deepEqual(held.take(0, analysed), { show: "a3", skip: [] });
});

test("a delay that shrinks does not turn the order round", () => {
  const held = hold();
  held.put("a", 300, 0);
  held.put("b", 100, 33);
  assert.equal(held.take(200, none).show, null);
  assert.equal(held.take(300, none).show, "b");
});

test("no frame waits for ever", () => {
  const held = hold();
  held.put("a", 1e12, 0);
  assert.equal(held.take(LONGEST_MS - 1, none).show, null);
  assert.equal(held.take(LONGEST_MS, none).show, "a");
});

test("where the room is full the oldest is shown without waiting", () => {
  const held = hold<number>(2);
  for (const frame of [1, 2, 3]) {
    assert.equal(held.full, false);
    held.put(frame, 900, 0);
  }
  assert.equal(held.full, true);
  assert.deepEqual(held.take(0, none), { show: 1, skip: [] });
  assert.deepEqual(held.take(0, none), { show: null, skip: [] }, "the others wait on");
  held.put(4, 900, 10);
  assert.deepEqual(held.take(10, none), { show: 2, skip: [] });
  held.clear();
  for (const frame of [5, 6]) held.put(frame, 900, 20);
  assert.deepEqual(held.take(20, none), { show: null, skip: [] }, "what was given back takes up no room");
});

/** How many frames of this size and rate are shown before they are due, of those of five seconds. */
function early(pixels: number, perSecond: number, holdMs: number, room: number): number {
  const held = new Hold<{ pixels: number; dueMs: number }>(room, (frame) => frame.pixels);
  let count = 0;
  for (let n = 0; n < perSecond * 5; n += 1) {
    const nowMs = (n * 1000) / perSecond;
    held.put({ pixels, dueMs: nowMs + holdMs }, nowMs + holdMs, nowMs);
    const { show } = held.take(nowMs, none);
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
