import assert from "node:assert/strict";
import { test } from "node:test";
import { StreamClock } from "./clock.ts";

/** One exchange on a link whose two ways take these times, with a stream clock ahead by `aheadUs`. */
function exchange(clock: StreamClock, atMs: number, thereMs: number, backMs: number, aheadUs: number): void {
  const id = clock.ask(atMs);
  clock.answer(id, (atMs + thereMs) * 1000 + aheadUs, atMs + thereMs + backMs);
}

test("nothing is known before the first answer, nor from an answer that was not asked for", () => {
  const clock = new StreamClock();
  assert.equal(clock.streamUs(0), null);
  clock.answer(17, 5, 1);
  assert.equal(clock.reading(), null);
});

test("the fastest answer is believed, and is wrong by at most half its round trip", () => {
  const clock = new StreamClock();
  const aheadUs = 1_790_000_000_000_000;
  exchange(clock, 1000, 30, 2, aheadUs);
  exchange(clock, 1100, 1, 2, aheadUs);
  exchange(clock, 1200, 1, 90, aheadUs);
  const error = (clock.streamUs(2000) ?? 0) - (2_000_000 + aheadUs);
  assert.equal(clock.reading()?.rttMs, 3);
  assert.ok(Math.abs(error) <= 1500, `${error} µs`);
});

test("an old answer is forgotten, however fast it was, so that drift is followed", () => {
  const clock = new StreamClock();
  exchange(clock, 0, 0.1, 0.1, 0);
  exchange(clock, 70_000, 2, 2, 900);
  assert.equal(clock.reading()?.offsetUs, 900);
});

test("an answer counts once, and lost questions do not pile up", () => {
  const clock = new StreamClock();
  const first = clock.ask(0);
  for (let n = 1; n <= 40; n += 1) clock.ask(n);
  clock.answer(first, 1, 50);
  assert.equal(clock.reading(), null, "the first question was given up");
  const id = clock.ask(60);
  clock.answer(id, 60_000, 61);
  clock.answer(id, 999_999, 61.5);
  assert.equal(clock.reading()?.rttMs, 1);
});

test("a clock that was set is believed at the first answer, however slow, and however fast those before were", () => {
  const clock = new StreamClock();
  for (let n = 0; n < 12; n += 1) exchange(clock, n * 80, 0.5, 0.5, 0);
  const hourUs = 3_600_000_000;
  for (const stepUs of [hourUs, -hourUs, 100_000]) {
    const before = clock.reading()?.offsetUs ?? 0;
    const id = clock.ask(5000);
    assert.equal(clock.answer(id, 5_010_000 + before + stepUs, 5040), "set");
    assert.equal(clock.reading()?.offsetUs, before + stepUs - 10_000);
  }
});

test("the browser's clock stands still while the computer sleeps", () => {
  const clock = new StreamClock();
  for (let n = 0; n < 8; n += 1) exchange(clock, n * 80, 1, 1, 0);
  const sleptUs = 8 * 3_600_000_000;
  exchange(clock, 700, 1, 1, sleptUs);
  exchange(clock, 3700, 1, 1, sleptUs);
  assert.equal(clock.streamUs(4000), 4_000_000 + sleptUs);
});

test("a slow answer, and drift, are no reason to forget", () => {
  const clock = new StreamClock();
  exchange(clock, 0, 1, 1, 0);
  const slow = clock.ask(1000);
  assert.equal(clock.answer(slow, 1_900_000, 1900), "kept", "all of the way was the way there");
  const later = clock.ask(50_000);
  assert.equal(clock.answer(later, 50_001_000 + 5000, 50_002), "kept", "100 parts in a million");
  assert.equal(clock.reading()?.rttMs, 2);
});

test("the computer slept between question and answer, on a clock that goes on: that answer is ignored", () => {
  const clock = new StreamClock();
  const id = clock.ask(0);
  assert.equal(clock.answer(id, 1000, 8 * 3_600_000), "ignored");
  assert.equal(clock.reading(), null);
});

test("another session begins with nothing, and answers of the one before are ignored", () => {
  const clock = new StreamClock();
  exchange(clock, 0, 1, 1, 7);
  const late = clock.ask(100);
  clock.clear();
  assert.equal(clock.streamUs(200), null);
  assert.equal(clock.answer(late, 1, 200), "ignored");
  exchange(clock, 300, 1, 1, 9_000_000);
  assert.equal(clock.reading()?.offsetUs, 9_000_000);
});
