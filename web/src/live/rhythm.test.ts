import assert from "node:assert/strict";
import { test } from "node:test";
import { hasStopped, Rhythm } from "./rhythm.ts";
import { SlidingWindow } from "./window.ts";

/** When it is said to have stopped, looked at every half second: one picture every `everyMs`, for so long. */
function stops(everyMs: number, pictures: number): number[] {
  const rhythm = new Rhythm();
  const stopped: number[] = [];
  for (let now = 0; now < everyMs * pictures; now += 500) {
    if (now % everyMs === 0) rhythm.came(now);
    if (hasStopped(rhythm.gapMs, now - (rhythm.lastMs ?? 0), 2000)) stopped.push(now);
  }
  return stopped;
}

test("a camera of a picture in five or ten seconds has not stopped between them, nor after its first", () => {
  for (const everyMs of [5000, 10_000]) assert.deepEqual(stops(everyMs, 6), []);
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
  rhythm.came(0);
  rhythm.came(9000);
  rhythm.clear();
  rhythm.came(20_000);
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
