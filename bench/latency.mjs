// The browser's half of the latency benchmark: opens the hub's own page, lets `latency_page.mjs` read the burned capture
// clock from every frame shown, and joins it with what the page says of its boxes. In turn with that, the same of the peer.
// Prints one JSON object.
import { Browser } from "../web/tests/browser.mjs";
import { arrival, boxes, burnedMs, kept, name, screen } from "./latency_frames.mjs";
import { install } from "./latency_page.mjs";
import { watchPeer } from "./latency_peer.mjs";

const [rounds, seconds] = process.argv.slice(2).map(Number);
const { OMMA_URL: url, OMMA_TOKEN: token, OMMA_EDGE: edge } = process.env;
const peer = { python: process.env.PEER_PYTHON, program: process.env.PEER_PROGRAM, camera: process.env.PEER_CAMERA };

const browser = await Browser.start();
try {
  const done = [];
  for (let n = 0; n < rounds; n++) {
    const { size, ...ours } = await watch();
    done.push({ ...ours, peer: ofPeer(await watchPeer(browser, peer, seconds, size)) });
  }
  console.log(JSON.stringify(done));
} finally {
  await browser.stop();
}

/** Live mode, then exact mode, of one page; and how large its video is. */
async function watch() {
  const page = await browser.tab();
  await page.goto(`${url}/#token=${token}&mode=live`);
  await page.waitForFunction(() => (window.__omma?.live()?.counters.framesPresented ?? 0) > 60, null, { timeout: 60_000 });
  const size = await page.locator(".stage video").boundingBox();
  await page.evaluate(install);
  const live = await page.evaluate((seconds) => window.bench.live(seconds), seconds);
  await page.goto(`${url}/#mode=exact`); // In the page that is open: only what is behind `#` changes.
  await page.waitForFunction(() => window.__omma.live()?.mode === "exact" && window.__omma.live().holdMs > 0);
  await page.waitForTimeout(5000);
  const before = await looks();
  const exact = await page.evaluate((seconds) => window.bench.exact(seconds), seconds);
  const after = await looks();
  for (const [mode, { frames }] of Object.entries({ live, exact })) {
    if (frames.length === 0) throw new Error(`no frame was shown in ${mode} mode`);
    if (frames.some(({ rtp }) => rtp == null)) throw new Error(`the browser does not say which frames it shows in ${mode} mode`);
  }
  const pictures = await page.evaluate(([token, since]) => window.bench.pictures(token, since), [token, live.frames[0].display]);
  await page.close();
  const named = { live: name(live.frames), exact: name(exact.frames) };
  return {
    size,
    live: { ...screen(live, named.live, seconds), ...arrival(named.live) },
    exact: { ...screen(exact, named.exact, seconds), ...boxes(exact, named.exact, seconds), hold_ms: exact.holdMs },
    pictures: kept(pictures, named.exact.stampAfterBurn),
    edge_looks_per_second: (after.looks - before.looks) / (after.at - before.at),
  };
}

/** From capture to the screen at the peer, whose frames have no name but the clock in their pixels. */
function ofPeer({ frames, clockDriftMs }) {
  const readable = frames.filter(({ burned }) => burned !== null);
  if (readable.length === 0) throw new Error("the clock can't be read in any frame of the peer's");
  return {
    glass_to_screen: readable.map(({ display, burned }) => display - burnedMs(burned, display)),
    glass_to_browser: readable.map(({ received, burned }) => received - burnedMs(burned, received)),
    shown_per_second: frames.length / seconds,
    unreadable_frames: frames.length - readable.length,
    clock_drift_ms: clockDriftMs,
  };
}

/** How many frames the edge has looked at, and when it said so, s. */
async function looks() {
  const text = await (await fetch(`${edge}/metrics`)).text();
  return { looks: Number(/^omma_step_done_total\{step="detect"\} (\d+)$/m.exec(text)?.[1]), at: performance.now() / 1000 };
}
