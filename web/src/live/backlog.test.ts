import assert from "node:assert/strict";
import { test } from "node:test";
import { Backlog, BEHIND_MS, PULSE_MS } from "./backlog.ts";
import { TICKS_PER_MS } from "./rtp.ts";

const FRAME_MS = 33;
const rtp = (ms: number): number => (0xffff_f000 + ms * TICKS_PER_MS) % 2 ** 32; // The timestamp comes round on the way.

/**
 * A page that needs `costMs` for a frame it takes and 2 ms for one it passes over, at a decoder with a queue as long as the
 * browser's. How far behind the decoder each taken frame was, and what was taken.
 */
function play(costMs: number, analysed: (n: number) => boolean, element = true): { behind: number[]; taken: number[]; gaps: number[] } {
  const backlog = new Backlog();
  const out = { behind: [] as number[], taken: [] as number[], gaps: [] as number[] };
  let nowMs = 0;
  let lastMs = 0;
  for (let n = 0; nowMs < 20_000; n += 1) {
    nowMs = Math.max(nowMs, n * FRAME_MS);
    const newest = Math.floor(nowMs / FRAME_MS);
    n = Math.max(n, newest - 29); // The browser drops the oldest of more than 30.
    if (element) backlog.decoded(rtp(newest * FRAME_MS));
    if (backlog.passesOver(rtp(n * FRAME_MS), analysed(n) ? "there" : "none", nowMs)) {
      nowMs += 2;
      continue;
    }
    out.behind.push(nowMs - n * FRAME_MS);
    out.taken.push(n);
    out.gaps.push(nowMs - lastMs);
    lastMs = nowMs;
    nowMs += costMs;
  }
  return out;
}

test("a page that keeps up passes over nothing", () => {
  const { taken } = play(30, () => false);
  assert.deepEqual(taken, taken.map((_, n) => n));
});

test("a page that copies slower than frames come stays close to the newest, and shows each that was analysed", () => {
  const { behind, taken } = play(45, (n) => n % 3 === 0);
  assert.ok(Math.max(...behind) <= BEHIND_MS + 2 * 45, `${Math.max(...behind)} ms behind`);
  const analysed = taken.filter((n) => n % 3 === 0);
  assert.deepEqual(analysed, analysed.map((_, n) => 3 * n));
});

test("without what the element says it would be a second behind", () => {
  const { behind } = play(45, (n) => n % 3 === 0, false);
  assert.ok(Math.max(...behind) > 900);
});

test("the picture goes on where there is no time but for a few frames", () => {
  const { gaps } = play(90, () => false);
  assert.ok(Math.max(...gaps) <= PULSE_MS + 90, `${Math.max(...gaps)} ms without a frame`);
});

test("a frame whose boxes are awaited is not passed over", () => {
  const backlog = new Backlog();
  backlog.decoded(rtp(5000));
  assert.equal(backlog.passesOver(rtp(0), "none", 0), false, "the first is shown");
  assert.equal(backlog.passesOver(rtp(33), "none", 1), true);
  assert.equal(backlog.passesOver(rtp(66), "awaited", 2), false);
});

test("after the edge's clock was set back frames are taken again with the element's next", () => {
  const backlog = new Backlog();
  backlog.decoded(rtp(60_000));
  backlog.passesOver(rtp(60_000), "none", 0);
  assert.equal(backlog.passesOver(rtp(10), "none", 33), true);
  backlog.decoded(rtp(43));
  assert.equal(backlog.passesOver(rtp(43), "none", 66), false);
});
