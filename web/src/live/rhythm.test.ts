import assert from "node:assert/strict";
import { test } from "node:test";
import { hasStopped, Rhythm } from "./rhythm.ts";
import { rtpOf } from "./rtp.ts";
import { SlidingWindow } from "./window.ts";

/** Less than five seconds before RTP timestamps come round. */
const FIRST_US = Math.floor(2 ** 32 / 90_000 - 4) * 1e6;

/** When it is said to have stopped, looked at every half second: when each picture comes, and how long after the first it was captured. */
function stops(pictures: readonly (readonly [atMs: number, capturedMs: number])[], untilMs: number): number[] {
  const rhythm = new Rhythm();
  const stopped: number[] = [];
  for (let now = 0; now < untilMs; now += 500) {
    for (const [atMs, capturedMs] of pictures) if (atMs === now) rhythm.came(now, rtpOf(FIRST_US + capturedMs * 1000));
    if (hasStopped(rhythm.gapMs, now - (rhythm.lastMs ?? 0), 2000)) stopped.push(now);
  }
  return stopped;
}

test("a camera of a picture in five or ten seconds has not stopped between them, nor after its first", () => {
  for (const everyMs of [5000, 10_000]) {
    const pictures = [0, 1, 2, 3, 4, 5].map((n) => [n * everyMs, n * everyMs] as const);
    assert.deepEqual(stops(pictures, 6 * everyMs), []);
  }
});

test("a slow camera that is opened between two of its pictures is not said to have stopped after the second", () => {
  const fourSecondsLate = [[0, 0], [1000, 5000], [6000, 10_000], [11_000, 15_000]] as const;
  assert.deepEqual(stops(fourSecondsLate, 16_000), []);
  const groupOfTwo = [[0, 0], [0, 5000], [4500, 10_000], [9500, 15_000]] as const;
  assert.deepEqual(stops(groupOfTwo, 14_500), []);
});

test("where the browser does not say which picture it is, or the camera's clock is set back, their coming is the rhythm", () => {
  for (const [first, second] of [[null, null], [null, 7], [7, null], [9_000_000, 7]] as const) {
    const rhythm = new Rhythm();
    rhythm.came(0, first);
    rhythm.came(5000, second);
    assert.equal(rhythm.gapMs, 5000);
  }
});

test("one that stops with its first picture has stopped after the longest time", () => {
  assert.deepEqual([25_000, 25_001].map((ago) => hasStopped(null, ago, 2000)), [false, true]);
});

test("one of many a second has stopped two seconds after the last, one of few after twice its gap, but not for ever", () => {
  assert.deepEqual([1999, 2001].map((ago) => hasStopped(33, ago, 2000)), [false, true]);
  assert.deepEqual([9999, 10_001].map((ago) => hasStopped(5000, ago, 2000)), [false, true]);
  assert.ok(hasStopped(60_000, 25_001, 2000), "what comes after a long silence is no rhythm");
});

test("another session has another rhythm", () => {
  const rhythm = new Rhythm();
  rhythm.came(0, 0);
  rhythm.came(9000, 9000 * 90);
  rhythm.clear();
  rhythm.came(20_000, 50_000 * 90);
  assert.deepEqual([rhythm.lastMs, rhythm.gapMs], [20_000, null]);
});

test("pictures a second and their latency are said of a camera of one in five seconds too, and of none that has stopped", () => {
  const window = new SlidingWindow(5000);
  for (let now = 0; now <= 20_000; now += 5000) window.push(40, now);
  assert.equal(window.rate(24_900), 0.2);
  assert.equal(window.spread(24_900)?.p50, 40);
  assert.equal(window.rate(30_100), null);
  assert.equal(window.spread(30_100), null);
  const fast = new SlidingWindow(5000);
  for (let now = 0; now <= 1000; now += 200) fast.push(40, now);
  assert.equal(fast.rate(6100), null, "five seconds after the last of many there is no rate");
});
