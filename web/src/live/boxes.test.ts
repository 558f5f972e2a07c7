import assert from "node:assert/strict";
import { test } from "node:test";
import { BoxShelf, HOLD_MS } from "./boxes.ts";
import type { Boxes } from "./wire.ts";

function boxes(rtp: number, count = 1, timeUs = 0): Boxes {
  const box = { track: 1, label: "person", score: 1, rect: [0, 0, 1, 1] as const };
  return { stream: "a.b", rtp, timeUs, delayMs: 0, place: "edge", engine: "e", model: "m", boxes: Array.from({ length: count }, () => box) };
}

/** What is drawn on each of some frames: `own`, `held RTP AGE`, `none`. */
function drawn(shelf: BoxShelf, ...frames: number[]): string[] {
  return frames.map((rtp) => {
    const what = shelf.on(rtp);
    return what.kind === "held" ? `held ${what.boxes.rtp} ${what.ageMs}` : what.kind;
  });
}

test("a frame gets its own boxes, the ones after it hold them, the ones before know nothing", () => {
  const shelf = new BoxShelf();
  shelf.put(boxes(9000));
  assert.deepEqual(drawn(shelf, 0, 9000, 9900), ["none", "own", "held 9000 10"]);
});

test("boxes that come out of order are held in the order of their frames", () => {
  const shelf = new BoxShelf();
  for (const rtp of [18_000, 9000, 27_000]) shelf.put(boxes(rtp));
  assert.deepEqual(drawn(shelf, 9000, 9900, 18_900, 27_000), ["own", "held 9000 10", "held 18000 10", "own"]);
});

test("boxes of a frame that is not shown yet are never drawn early", () => {
  const shelf = new BoxShelf();
  shelf.put(boxes(9000));
  shelf.put(boxes(90_000));
  assert.deepEqual(drawn(shelf, 45_000), ["held 9000 400"]);
});

test("what is too old is not held", () => {
  const shelf = new BoxShelf();
  shelf.put(boxes(0));
  assert.deepEqual(drawn(shelf, HOLD_MS * 90, HOLD_MS * 90 + 1), [`held 0 ${HOLD_MS}`, "none"]);
});

test("a frame in which nothing was found takes the boxes before it away", () => {
  const shelf = new BoxShelf();
  shelf.put(boxes(0));
  shelf.put(boxes(9000, 0));
  const what = shelf.on(9900);
  assert.ok(what.kind === "held" && what.boxes.boxes.length === 0);
});

test("timestamps wrap without anyone noticing", () => {
  const shelf = new BoxShelf();
  shelf.put(boxes(2 ** 32 - 900));
  assert.deepEqual(drawn(shelf, 2 ** 32 - 1800, 2 ** 32 - 900, 0, 900), ["none", "own", "held 4294966396 10", "held 4294966396 20"]);
});

test("boxes are awaited as long after the newest as those are apart, until they or later ones are there", () => {
  const shelf = new BoxShelf();
  const owns = (...frames: number[]) => frames.map((frame) => shelf.own(frame * 3000));
  shelf.put(boxes(0));
  assert.deepEqual(owns(0, 1, 3), ["there", "none", "none"], "one tells nothing");
  for (const frame of [3, 6, 9, 15, 18]) shelf.put(boxes(frame * 3000)); // One look was left out.
  assert.deepEqual(owns(18, 19, 20, 21, 24, 26, 27), ["there", "none", "none", "awaited", "awaited", "awaited", "none"]);
  shelf.put(boxes(22 * 3000));
  assert.deepEqual(owns(21, 22, 23, 25), ["none", "there", "none", "awaited"]);
});

test("after a look that was late the next is awaited sooner, for the edge keeps its rhythm", () => {
  const shelf = new BoxShelf();
  for (const frame of [0, 3, 6, 9, 13]) shelf.put(boxes(frame * 3000));
  assert.deepEqual([14, 15, 16].map((frame) => shelf.own(frame * 3000)), ["none", "awaited", "awaited"]);
});

test("a frame was shown before its boxes where the look before it was late by most of what they are apart", () => {
  const shelf = new BoxShelf();
  for (const frame of [0, 3, 6, 9, 14]) shelf.put(boxes(frame * 3000));
  assert.deepEqual([shelf.own(15 * 3000), shelf.own(16 * 3000)], ["awaited", "awaited"]);
});

test("a frame was shown before its boxes where several looks in a row had been late, and it made up for that", () => {
  const shelf = new BoxShelf();
  for (const frame of [0, 3, 6, 9, 13, 16]) shelf.put(boxes(frame * 3000));
  assert.deepEqual([17, 18, 19].map((frame) => shelf.own(frame * 3000)), ["none", "awaited", "awaited"]);
  shelf.put(boxes(18 * 3000));
  assert.deepEqual([20, 21].map((frame) => shelf.own(frame * 3000)), ["none", "awaited"], "in time again");
});

test("where looks are unevenly apart, none is awaited too soon", () => {
  const shelf = new BoxShelf();
  for (const frame of [0, 2, 5, 7, 10, 12, 15, 17, 20]) shelf.put(boxes(frame * 3600));
  assert.deepEqual([shelf.own(22 * 3600), shelf.own(23 * 3600)], ["none", "awaited"]);
});

test("a second copy changes nothing, and the shelf is bounded", () => {
  const shelf = new BoxShelf();
  for (let n = 0; n < 1000; n += 1) {
    shelf.put(boxes(n * 900));
    shelf.put(boxes(n * 900));
  }
  assert.deepEqual(drawn(shelf, 999 * 900, (999 - 127) * 900, (999 - 128) * 900), ["own", "own", "none"]);
});

test("after the edge's clock was set back boxes are drawn on their frames at once, and not only once that time has come again", () => {
  const shelf = new BoxShelf();
  const set = 3_600_000 * 90;
  for (let n = 0; n < 128; n += 1) shelf.put(boxes(set + n * 3000));
  for (let n = 0; n < 200; n += 1) {
    shelf.put(boxes(n * 3000));
    assert.deepEqual(drawn(shelf, n * 3000, n * 3000 + 900), ["own", `held ${n * 3000} 10`], `frame ${n}`);
  }
  assert.equal(shelf.newest()?.rtp, 199 * 3000, "of the time before nothing is left");
});

test("boxes of last evening are drawn on no frame of the morning, whatever the timestamps say", () => {
  const shelf = new BoxShelf();
  const later = (hours: number): [number, number] => [(hours * 3600 * 90_000) % 2 ** 32, hours * 3600e6];
  for (let n = 0; n < 20; n += 1) shelf.put(boxes(n * 9000, 1, n * 100_000));
  // After 6.6 hours the old ones seem to be the later ones.
  const [rtp, timeUs] = later(8);
  shelf.put(boxes(rtp, 0, timeUs));
  assert.equal(shelf.newest()?.rtp, rtp);
  assert.deepEqual(drawn(shelf, rtp, 9000, 9900), ["own", "none", "none"]);
});

test("for a browser that does not say which frame it shows the last to come are the newest", () => {
  const shelf = new BoxShelf();
  for (const frame of [2, 3, 1]) shelf.put(boxes(frame * 9000));
  assert.equal(shelf.newest()?.rtp, 9000);
});

test("what was kept of another time is forgotten when the clock is known to be another", () => {
  const shelf = new BoxShelf();
  shelf.put(boxes(9000));
  shelf.clear();
  assert.deepEqual([drawn(shelf, 9000), shelf.newest()], [["none"], null]);
  for (let n = 0; n < 128; n += 1) shelf.put(boxes(n * 900));
  assert.deepEqual(drawn(shelf, 0), ["own"], "and takes up no room");
});
