import assert from "node:assert/strict";
import { test } from "node:test";
import { captureUs, rtpDifference, rtpOf, ticks } from "./rtp.ts";

test("timestamps are those of the hub (shared/protocol/src/time.rs)", () => {
  const wrapUs = Math.floor((2 ** 32 * 100) / 9) + 12;
  for (const [us, rtp] of [[0, 0], [1_000_000, 90_000], [wrapUs, 1]] as const) assert.equal(rtpOf(us), rtp);
});

test("ticks are exact where the product would not fit a double", () => {
  for (const us of [1_790_000_000_123_456, 1_790_000_000_123_457, Number.MAX_SAFE_INTEGER]) {
    assert.equal(BigInt(ticks(us)), (BigInt(us) * 9n) / 100n);
  }
});

test("differences go the short way round", () => {
  assert.equal(rtpDifference(5, 3), 2);
  assert.equal(rtpDifference(2, 2 ** 32 - 3), 5);
  assert.equal(rtpDifference(2 ** 32 - 3, 2), -5);
});

test("the capture time comes back within one tick, whatever the age, across the wrap", () => {
  const nearWrapUs = Math.floor((2 ** 32 * 100) / 9) * 37_500; // A multiple of the wrap, in the year 2026.
  for (const nowUs of [1_790_000_000_123_456, nearWrapUs + 4_000, nearWrapUs - 4_000]) {
    for (const ageUs of [-3_000, 0, 5_000, 120_000, 60_000_000]) {
      const got = captureUs(rtpOf(nowUs - ageUs), nowUs);
      assert.ok(Math.abs(got - (nowUs - ageUs)) <= 12, `age ${ageUs}: off by ${got - (nowUs - ageUs)} µs`);
    }
  }
});
