import assert from "node:assert/strict";
import { test } from "node:test";
import { Backlog, BEHIND_MS, PULSE_MS } from "./backlog.ts";
import { LATE_MS } from "./hold.ts";
import { TICKS_PER_MS } from "./rtp.ts";

const FRAME_MS = 33;
const rtp = (ms: number): number => (0xffff_f000 + ms * TICKS_PER_MS) % 2 ** 32; // The timestamp comes round on the way.

interface Page {
  /** What copying one frame takes, and painting it. */
  readonly copyMs: number;
  readonly paintMs?: number;
  readonly holdMs?: number;
  readonly analysed?: (n: number) => boolean;
  /** How long after a frame its boxes are there. */
  readonly boxesMs?: number;
  /** Whether the element tells its frames. */
  readonly element?: boolean;
}

/** Twenty seconds of a page at a decoder that keeps 30 frames: of each frame that was taken its number and when it came. */
function play({ copyMs, paintMs = 0, holdMs = 0, analysed = () => false, boxesMs = 0, element = true }: Page) {
  const backlog = new Backlog();
  const taken: { n: number; atMs: number; behindMs: number }[] = [];
  let nowMs = 0;
  for (let n = 0; nowMs < 20_000; n += 1) {
    nowMs = Math.max(nowMs, n * FRAME_MS);
    const newest = Math.floor(nowMs / FRAME_MS);
    n = Math.max(n, newest - 29); // The browser drops the oldest of more than 30.
    if (element) backlog.presented(rtp(newest * FRAME_MS));
    const own = analysed(n) && nowMs >= n * FRAME_MS + boxesMs ? "there" : "none";
    if (backlog.passesOver(rtp(n * FRAME_MS), n * FRAME_MS + holdMs, nowMs, () => own)) {
      nowMs += 2;
      continue;
    }
    taken.push({ n, atMs: nowMs, behindMs: nowMs - n * FRAME_MS });
    nowMs += copyMs;
    backlog.spent(nowMs);
    if (paintMs > 0) backlog.spent((nowMs += paintMs));
  }
  return { taken, behindMs: Math.max(...taken.map(({ behindMs }) => behindMs)) };
}

const everyThird = (n: number): boolean => n % 3 === 0;

test("a page that keeps up passes over nothing", () => {
  const { taken } = play({ copyMs: 30 });
  assert.deepEqual(taken.map(({ n }) => n), taken.map((_, n) => n));
});

test("a page that copies slower than frames come stays close to the newest, and takes each that was analysed", () => {
  const { taken, behindMs } = play({ copyMs: 45, analysed: everyThird });
  assert.ok(behindMs <= BEHIND_MS + 3 * 45, `${behindMs} ms behind`);
  const seen = taken.map(({ n }) => n).filter(everyThird);
  assert.deepEqual(seen, seen.map((_, n) => 3 * n));
});

test("without what the element says it would be a second behind", () => {
  assert.ok(play({ copyMs: 45, analysed: everyThird, element: false }).behindMs > 900);
});

test("a page that copies one frame in more than the pulse takes does not fall a second behind either", () => {
  for (const page of [{ copyMs: 150 }, { copyMs: 250 }, { copyMs: 60, paintMs: 120 }, { copyMs: 10, paintMs: 200 }]) {
    const { behindMs } = play(page);
    assert.ok(behindMs <= BEHIND_MS + 3 * FRAME_MS, `${behindMs} ms behind with ${JSON.stringify(page)}`);
  }
});

test("the picture goes on where there is no time but for a few frames", () => {
  const { taken } = play({ copyMs: 90 });
  const gaps = taken.slice(1).map(({ atMs }, n) => atMs - taken[n]!.atMs);
  assert.ok(Math.max(...gaps) <= 90 + PULSE_MS + FRAME_MS, `${Math.max(...gaps)} ms without a frame`);
});

test("what is not due yet is not passed over: its boxes may be still to come", () => {
  const { taken } = play({ copyMs: 45, holdMs: 460, boxesMs: 450, analysed: everyThird });
  const seen = taken.map(({ n }) => n).filter(everyThird);
  assert.deepEqual(seen, seen.map((_, n) => 3 * n));
});

test("where all frames are analysed and there is no time for all, the page is behind by what they have a right to", () => {
  const { behindMs } = play({ copyMs: 45, analysed: () => true });
  assert.ok(behindMs <= LATE_MS + 2 * 45, `${behindMs} ms behind`);
});

test("a frame whose boxes are awaited is not passed over", () => {
  const backlog = new Backlog();
  backlog.presented(rtp(5000));
  assert.equal(backlog.passesOver(rtp(0), 0, 0, () => "none"), false, "the first is shown");
  backlog.spent(0);
  assert.equal(backlog.passesOver(rtp(33), 0, 1, () => "none"), true);
  assert.equal(backlog.passesOver(rtp(66), 0, 2, () => "awaited"), false);
});

test("after the edge's clock was set back frames are taken again with the element's next", () => {
  const backlog = new Backlog();
  backlog.presented(rtp(60_000));
  backlog.spent(0);
  assert.equal(backlog.passesOver(rtp(10), 33, 33, () => "none"), true);
  backlog.presented(rtp(43));
  assert.equal(backlog.passesOver(rtp(43), 66, 66, () => "none"), false);
});
