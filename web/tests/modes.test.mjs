/** Exact and live mode over a real WebRTC session between two tabs: what is drawn on which frame, and when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { signIn, until } from "./browser.mjs";
import { camera, TOKEN } from "./fake-hub.mjs";
import { EXACT, readPainted, send } from "./sender.mjs";
import { all, analysed, hub, live, page, playing, tab } from "./watching.mjs";

/** Plays in exact mode, in which the page begins, until frames were analysed and shown, and returns what the page says of them. */
async function exact() {
  const painted = await readPainted(page);
  // Later than the browser alone would wait, sooner than the page does by a margin for a busy machine.
  await send(tab, page, hub, { lateMs: 350 });
  await signIn(page, hub.url, TOKEN);
  await playing();
  await until("the mode is confirmed", async () => (await live()).mode === "exact");
  await until("the stream's clock is known", async () => (await live()).clock !== null);
  const { framesPresented } = (await live()).counters;
  await until("those under way are shown", async () => (await live()).counters.framesPresented > framesPresented + 30);
  await page.evaluate(() => window.__omma.reset());
  const probe = await analysed(40);
  const { counters, frames, delayMs, holdMs } = probe;
  assert.deepEqual([delayMs, holdMs], [EXACT.delay_ms, EXACT.hold_ms]);
  // Not all: what a busy machine does to one frame is not the page's fault.
  assert.ok(counters.boxesWithFrame / all(counters) >= 0.95, JSON.stringify(counters));
  assert.ok(counters.framesWithHeldBoxes > 0);
  const early = frames.filter(({ latencyMs }) => latencyMs < EXACT.hold_ms - 50);
  assert.ok(early.length / frames.length <= 0.05, `${early.length} of ${frames.length} were shown before their time`);
  for (const { drawn, rtp, boxesRtp } of frames) {
    if (drawn === "held") assert.ok(((rtp - boxesRtp) | 0) > 0, "held boxes are of an earlier frame");
  }
  assert.equal(await page.locator(".still").isVisible(), true, "the frame is painted beneath its boxes");
  const pairs = await painted();
  assert.ok(pairs.length >= 30, `${pairs.length} frames were painted with boxes of their own`);
  assert.deepEqual(pairs.filter(([seen, told]) => seen !== told), [], "the picture beneath its own boxes is that of the boxes");
  return probe;
}

test("in exact mode boxes are drawn with their frame; the frames between hold them", async () => {
  const { counters } = await exact();
  // A busy machine's screen passes over frames, but not over these; its decoder may.
  assert.ok(counters.analysedNotShown / counters.boxesReceived <= 0.05, JSON.stringify(counters));
});

test("in a browser that does not hand over the track's frames, exact mode takes those that it shows", async () => {
  await page.addInitScript(() => delete window.MediaStreamTrackProcessor);
  await exact();
});

test("where the element shows another frame by the time it is copied, that one is not painted beneath the boxes of the first", async () => {
  await page.addInitScript(() => {
    delete window.MediaStreamTrackProcessor;
    const { prototype } = HTMLVideoElement;
    const request = prototype.requestVideoFrameCallback;
    let frames = 0;
    prototype.requestVideoFrameCallback = function (shown) {
      return request.call(this, (now, metadata) => {
        // Longer than a frame is shown: as long as a busy machine may leave the page without the processor.
        const until = performance.now() + ((frames += 1) % 3 === 0 ? 90 : 0);
        while (performance.now() < until);
        shown(now, metadata);
      });
    };
  });
  const painted = await readPainted(page);
  await send(tab, page, hub, { lateMs: 350 });
  await signIn(page, hub.url, TOKEN);
  await playing();
  await analysed(40);
  const pairs = await painted();
  assert.ok(pairs.length >= 20, `${pairs.length} frames were painted with boxes of their own`);
  assert.deepEqual(pairs.filter(([seen, told]) => seen !== told), []);
});

test("in live mode no picture waits, and boxes that come later are held over the next ones", async () => {
  // So late that a page which does not wait for them is past the frame, on a busy machine too; within what is held.
  await send(tab, page, hub, { lateMs: 700 });
  await signIn(page, `${hub.url}/#mode=live`, TOKEN);
  await playing();
  const { counters } = await analysed(20);
  assert.ok(counters.boxesLate / all(counters) >= 0.9, JSON.stringify(counters));
  assert.ok(counters.framesWithHeldBoxes > 0, JSON.stringify(counters));
  assert.equal(await page.locator(".still").isVisible(), false);
});

test("in exact mode another delay is heard of though the hub's word of it was lost", async () => {
  const other = await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await until("the first", async () => (await live()).holdMs === EXACT.hold_ms);
  await other.answers({ ...EXACT, hold_ms: 900 });
  await until("the other", async () => (await live()).holdMs === 900, 10_000);
});

test("a delay that no browser keeps does not stop exact mode", async () => {
  const other = await send(tab, page, hub);
  await other.answers({ delay_ms: 60_000, hold_ms: 800 });
  await signIn(page, hub.url, TOKEN);
  await playing();
  await until("the mode is in force", async () => (await live()).holdMs === 800);
  assert.deepEqual(page.faults, []);
});

/** How late the newest frames are shown; null while there are too few of them. */
async function lateness() {
  const { frames } = await live();
  const late = frames.slice(-15).map(({ latencyMs }) => latencyMs);
  return late.length < 15 || late.includes(null) ? null : late.toSorted((a, b) => a - b)[7];
}

test("in exact mode no picture waits until something was analysed", async () => {
  const other = await send(tab, page, hub);
  await other.look(false);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await until("the mode is in force", async () => (await live()).holdMs === EXACT.hold_ms);
  await until("the stream's clock is known", async () => (await live()).clock !== null);
  await page.evaluate(() => window.__omma.reset());
  const before = await until("frames", lateness);
  assert.ok(before < EXACT.hold_ms - 200, `${before} ms late`);
  await other.look(true);
  await until("pictures wait", async () => (await lateness()) > EXACT.hold_ms - 50);
});

test("of a camera that nobody looks at every picture is shown at once, whatever the mode", async () => {
  hub.cameras = [camera("north.door", { placement: "none" }), camera("north.yard", { reason: "nobody looks at it: H.265" })];
  await send(tab, page, hub);
  await signIn(page, `${hub.url}/#camera=north.door`, TOKEN);
  await playing();
  await until("no picture waits", async () => (await live()).mode === "live");
  assert.equal(await page.locator(".still").isVisible(), false);
  assert.ok(await page.getByRole("radio", { name: "Exact" }).isChecked(), "the choice is kept for other cameras");
  await page.getByRole("navigation").getByRole("button", { name: /^yard/ }).click();
  await until("nor of the other", async () => (await live())?.stream === "north.yard" && (await live()).mode === "live");
  hub.cameras = [camera("north.door"), camera("north.yard")];
  await until("it is looked at", async () => (await live()).mode === "exact");
});
