import assert from "node:assert/strict";
import { test } from "node:test";
import { Measure } from "./measure.ts";
import { rtpOf } from "./rtp.ts";
import type { Boxes } from "./wire.ts";

const EPOCH_US = 1_790_000_000_000_000;

function boxes(timeUs: number): Boxes {
  return { stream: "a.b", rtp: rtpOf(timeUs), timeUs, delayMs: 0, place: "edge", engine: "e", model: "m", boxes: [] };
}

/** A viewer whose clock is the stream's: frame `n` of ten a second is shown `lateMs` after its capture. */
class Viewer {
  readonly measure = new Measure();
  show(n: number, lateMs: number): void {
    const nowMs = n * 100 + lateMs;
    this.measure.frame(rtpOf(EPOCH_US + n * 100_000), nowMs, nowMs, EPOCH_US + nowMs * 1000, { kind: "none" });
  }
  boxes(n: number, lateMs: number): void {
    const nowMs = n * 100 + lateMs;
    this.measure.boxes(boxes(EPOCH_US + n * 100_000), nowMs, EPOCH_US + nowMs * 1000);
  }
}

test("latency is from capture to the later of callback and expected display", () => {
  const { measure } = new Viewer();
  measure.frame(rtpOf(EPOCH_US), 20, 24, EPOCH_US + 20_000, { kind: "none" });
  assert.ok(Math.abs((measure.frames[0]?.latencyMs ?? 0) - 24) < 0.02);
  measure.frame(rtpOf(EPOCH_US), 20, 4, EPOCH_US + 20_000, { kind: "none" });
  assert.ok(Math.abs((measure.frames[1]?.latencyMs ?? 0) - 20) < 0.02);
  assert.equal(measure.latencySpread(20)?.count, 2);
});

test("each analysed frame comes to one outcome", () => {
  const viewer = new Viewer();
  viewer.show(0, 20);
  viewer.boxes(1, 5);
  viewer.show(1, 20); // Its boxes were there.
  viewer.boxes(1 + 1, 10);
  viewer.show(3, 20); // 2 was never shown.
  viewer.boxes(3, 60); // While 3 is on screen.
  viewer.show(4, 20);
  viewer.show(5, 20);
  viewer.boxes(4, 190); // 5 is on screen.
  viewer.boxes(2, 400); // Never shown, and came late besides.
  const { boxesWithFrame, boxesWhileShown, boxesLate, analysedNotShown, boxesReceived } = viewer.measure.counters;
  assert.deepEqual([boxesWithFrame, boxesWhileShown, boxesLate, analysedNotShown, boxesReceived], [1, 1, 1, 2, 5]);
  assert.equal(viewer.measure.boxesOnTheirFrame(), 2 / 3);
  const outcomes = viewer.measure.analysed.map(({ outcome, latencyMs }) => `${outcome} ${latencyMs === null ? "" : Math.round(latencyMs)}`);
  assert.deepEqual(outcomes, ["with-frame 20", "not-shown ", "while-shown 60", "late ", "not-shown "]);
});

test("nothing is measured of frames or clocks that are not known", () => {
  const measure = new Measure();
  measure.frame(null, 1, 1, 5, { kind: "none" });
  measure.frame(7, 1, 1, null, { kind: "none" });
  assert.equal(measure.latencySpread(1), null);
  assert.equal(measure.boxesOnTheirFrame(), null);
  assert.equal(measure.counters.framesPresented, 2);
});

test("what was measured by a clock that was wrong is forgotten, and only that", () => {
  const viewer = new Viewer();
  for (let n = 0; n < 10; n += 1) viewer.show(n, 3_600_000);
  viewer.measure.clockSet();
  assert.equal(viewer.measure.latencySpread(3_600_900), null);
  viewer.show(36_010, 20);
  const spread = viewer.measure.latencySpread(3_601_020);
  assert.ok(spread !== null && Math.abs(spread.p95 - 20) < 0.02);
  assert.equal(viewer.measure.counters.framesPresented, 11);
});

test("a reset begins anew, and logs are bounded", () => {
  const viewer = new Viewer();
  for (let n = 0; n < 6000; n += 1) {
    viewer.boxes(n, 1);
    viewer.show(n, 10);
  }
  assert.ok(viewer.measure.frames.length <= 4096 && viewer.measure.analysed.length <= 4096);
  assert.equal(viewer.measure.counters.boxesWithFrame, 6000);
  viewer.measure.reset();
  assert.equal(viewer.measure.boxesOnTheirFrame(), null);
  assert.equal(viewer.measure.framesPerSecond(600_000), null);
});
