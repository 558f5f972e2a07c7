/** The live picture over a real WebRTC session between two tabs: what is drawn on which frame, and what goes wrong. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Browser, signIn, until } from "./browser.mjs";
import { FakeHub, TOKEN } from "./fake-hub.mjs";
import { send } from "./sender.mjs";

let browser;
let hub;
let page;
let tab;

before(async () => {
  browser = await Browser.start();
});
after(() => browser.stop());
beforeEach(async () => {
  hub = await new FakeHub().start();
  tab = await browser.tab();
  page = await browser.tab();
});
afterEach(async () => {
  await page.close();
  await tab.close();
  await hub.stop();
});

const live = () => page.evaluate(() => window.__omma?.live() ?? null);
const playing = () => until("the picture plays", async () => (await live())?.state === "playing");
const analysed = (count) =>
  until(`${count} analysed frames`, async () => {
    const probe = await live();
    const { boxesWithFrame, boxesWhileShown, boxesLate } = probe.counters;
    return boxesWithFrame + boxesWhileShown + boxesLate >= count ? probe : null;
  });

test("in exact mode boxes are drawn with their frame; the frames between hold them", async () => {
  await send(tab, page, hub, { lateMs: 100 });
  await signIn(page, `${hub.url}/#mode=exact`, TOKEN);
  await playing();
  await until("the mode is confirmed", async () => (await live()).mode === "exact");
  await page.waitForTimeout(1000); // The frames that were under way.
  await page.evaluate(() => window.__omma.reset());
  const { counters, frames, delayMs } = await analysed(20);
  assert.equal(delayMs, 250);
  assert.deepEqual([counters.boxesWhileShown, counters.boxesLate], [0, 0]);
  assert.ok(counters.framesWithHeldBoxes > 0);
  for (const { drawn, rtp, boxesRtp } of frames) {
    if (drawn === "own") assert.equal(rtp, boxesRtp);
    if (drawn === "held") assert.ok(((rtp - boxesRtp) | 0) > 0, "held boxes are of an earlier frame");
  }
  assert.equal(await page.locator(".still").isVisible(), true, "the frame is painted beneath its boxes");
});

test("in live mode no picture waits, and boxes that come later are held over the next ones", async () => {
  await send(tab, page, hub, { lateMs: 150 });
  await signIn(page, hub.url, TOKEN);
  await playing();
  const { counters } = await analysed(10);
  assert.equal(counters.boxesWithFrame, 0);
  assert.ok(counters.boxesLate > 0 && counters.framesWithHeldBoxes > 0, JSON.stringify(counters));
  assert.equal(await page.locator(".still").isVisible(), false);
});

test("a session that ends is replaced by another, by itself", async () => {
  const other = await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await other.end();
  await until("a second session", async () => (await other.sessions()) === 2);
  await playing();
  const { counters } = await live();
  await until("frames go on", async () => (await live()).counters.framesPresented > counters.framesPresented + 5);
});

test("a picture that stops is said to have stopped, and goes on without another session", async () => {
  const other = await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await other.pause(true);
  await page.getByText("The picture has stopped").waitFor();
  await other.pause(false);
  await playing();
  await page.getByText("The picture has stopped").waitFor({ state: "hidden" });
  assert.equal(await other.sessions(), 1);
});

test("the reason that the hub gives over the channel is shown", async () => {
  const other = await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await page.unroute("**/whep?*");
  await other.say({ type: "error", reason: "the camera was removed" });
  await page.getByText("The camera was removed.").waitFor();
});

test("who leaves ends the session", async () => {
  await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await page.getByRole("button", { name: "Sign out" }).click();
  await until("the session is ended", () => hub.asked.includes("DELETE /api/v1/streams/north.door/whep/a-session"));
});
