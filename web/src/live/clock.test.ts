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
