/** For each test of a file that imports this: a hub, the page, and a tab for the sender of what it plays. */
import { after, afterEach, before, beforeEach } from "node:test";
import { Browser, until } from "./browser.mjs";
import { FakeHub } from "./fake-hub.mjs";

let browser;
export let hub;
export let page;
/** Of the sender. */
export let tab;

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
  // The page may be asking for a session just now, and the sender goes.
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.close();
  await tab.close();
  await hub.stop();
});

export const live = () => page.evaluate(() => window.__omma?.live() ?? null);
export const playing = () => until("the picture plays", async () => (await live())?.state === "playing");
/** Frames that were analysed and shown. */
export const all = ({ boxesWithFrame, boxesWhileShown, boxesLate }) => boxesWithFrame + boxesWhileShown + boxesLate;
export const analysed = (count) =>
  until(
    `${count} analysed frames`,
    async () => {
      const probe = await live();
      return all(probe.counters) >= count ? probe : null;
    },
    60_000,
  );
