// The browser's half of the latency benchmark: opens the hub's own page, reads the burned capture clock from every frame
// shown, and joins it with what the page says of its boxes. Prints one JSON object.
import { Browser } from "../web/tests/browser.mjs";

const seconds = Number(process.argv[2] ?? 30);
const { OMMA_URL: url, OMMA_TOKEN: token } = process.env;

const browser = await Browser.start();
try {
  const page = await browser.tab();
  await page.goto(`${url}/#token=${token}`);
  await page.waitForFunction(() => (window.__omma?.live()?.counters.framesPresented ?? 0) > 60, null, { timeout: 60_000 });
  const live = await page.evaluate(watch, seconds);
  await page.locator('input[name="mode"][value="exact"]').check({ force: true });
  await page.waitForFunction(() => window.__omma.live()?.mode === "exact" && window.__omma.live().delayMs > 0);
  await page.waitForTimeout(5000);
  const exact = await page.evaluate(watch, seconds);
  console.log(JSON.stringify({ live: summary(live), exact: summary(exact) }));
} finally {
  await browser.stop();
}

/** In the page: records each frame shown for a while. Wall times are the system clock's, ms since the epoch. */
async function watch(seconds) {
  const CELLS = 26;
  const SIDE = 32;
  const canvas = new OffscreenCanvas(CELLS * SIDE, SIDE);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  // performance.now() may run apart from the system clock: their offset is taken at ticks of Date.now().
  const offset = () => {
    let best = Infinity;
    for (let i = 0; i < 20; i++) {
      const before = Date.now();
      while (Date.now() === before);
      best = Math.min(best, Date.now() - performance.now());
    }
    return best;
  };
  /** The low 24 bits of the capture time in ms: one white cell, one black, then the bits, highest first. */
  const burned = (video) => {
    context.drawImage(video, 0, 0, CELLS * SIDE, SIDE, 0, 0, CELLS * SIDE, SIDE);
    const { data } = context.getImageData(0, SIDE / 2, CELLS * SIDE, 1);
    const bright = (cell) => data[(cell * SIDE + SIDE / 2) * 4 + 1];
    if (bright(0) < 150 || bright(1) > 100) return null;
    let bits = 0;
    for (let cell = 2; cell < CELLS; cell++) bits = bits * 2 + (bright(cell) > 127 ? 1 : 0);
    return bits;
  };
  const video = document.querySelector("video");
  const frames = [];
  const wall = offset();
  window.__omma.reset();
  await new Promise((done) => {
    const end = performance.now() + seconds * 1000;
    const each = (callback, metadata) => {
      frames.push({
        rtp: metadata.rtpTimestamp,
        burned: burned(video),
        presentation: wall + metadata.presentationTime,
        display: wall + Math.max(callback, metadata.expectedDisplayTime),
      });
      if (performance.now() < end) video.requestVideoFrameCallback(each);
      else done();
    };
    video.requestVideoFrameCallback(each);
  });
  const { frames: drawn, analysed, delayMs, mode } = window.__omma.live();
  return { frames, drawn, analysed, delayMs, mode, clock_drift_ms: offset() - wall };
}

function summary({ frames, drawn, analysed, delayMs, mode, clock_drift_ms }) {
  const since = (wallMs, bits) => (((wallMs - bits) % 2 ** 24) + 2 ** 24) % 2 ** 24;
  const readable = frames.filter((frame) => frame.burned !== null);
  const shown = new Map(readable.map((frame) => [frame.rtp, frame]));
  const own = new Set(drawn.filter((frame) => frame.drawn === "own" && frame.boxesRtp === frame.rtp).map((frame) => frame.rtp));
  // Capture time as the edge stamps it comes a steady while after the burned clock (encoding, packets). A box whose
  // result names another frame than the one under it would stand a frame's time apart from all others.
  const pairs = analysed.filter((record) => shown.has(record.rtp));
  const apart = pairs.map((record) => since(record.timeUs / 1000, shown.get(record.rtp).burned));
  const usual = [...apart].sort((a, b) => a - b)[Math.floor(apart.length / 2)];
  const onTheirFrame = pairs.filter((record, i) => record.outcome !== "late" && record.outcome !== "pending" && Math.abs(apart[i] - usual) < 1000 / 30 / 2);
  const drawnWith = onTheirFrame.filter((record) => own.has(record.rtp) || record.outcome === "while-shown");
  return {
    mode,
    delay_ms: delayMs,
    clock_drift_ms,
    frames: frames.length,
    unreadable: frames.length - readable.length,
    glass_to_presentation: readable.map((frame) => since(frame.presentation, frame.burned)),
    glass_to_display: readable.map((frame) => since(frame.display, frame.burned)),
    analysed_frames: pairs.length,
    analysed_but_not_shown: analysed.length - pairs.length,
    frames_with_boxes: pairs.filter((record) => record.count > 0).length,
    drawn_on_their_frame: drawnWith.length,
    stamp_after_burn_ms: usual,
    glass_to_boxes: drawnWith.map((record) => since(shown.get(record.rtp).display, shown.get(record.rtp).burned)),
  };
}
