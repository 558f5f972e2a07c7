/** Debian's Chromium, headless, driven by playwright-core. `CHROMIUM` names another binary. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const SCREENSHOTS = fileURLToPath(new URL("./screenshots", import.meta.url));
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };
export const PHONE_ON_ITS_SIDE = { width: 844, height: 390 };

export class Browser {
  #context;
  #folder;

  static async start() {
    const browser = new Browser();
    browser.#folder = await mkdtemp(join(tmpdir(), "omma-chromium-"));
    browser.#context = await chromium.launchPersistentContext(browser.#folder, {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      headless: false, // Of playwright; the flags below ask for Chromium's own.
      ignoreDefaultArgs: ["--enable-automation"],
      args: FLAGS,
      viewport: DESKTOP,
      locale: "en-GB",
      timezoneId: "UTC",
      colorScheme: "dark", // As the person's system prefers it; Playwright's own is light.
      reducedMotion: "reduce", // So that nothing is looked at in the middle of a transition.
    });
    return browser;
  }

  /** A fresh tab that keeps what goes wrong in it in `page.faults`. */
  async tab(viewport = DESKTOP) {
    const page = await this.#context.newPage();
    await page.setViewportSize(viewport);
    page.faults = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") page.faults.push(message.text());
    });
    page.on("pageerror", (error) => page.faults.push(String(error)));
    return page;
  }

  async stop() {
    await this.#context.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export async function signIn(page, url, token) {
  await page.goto(url);
  await page.getByLabel("Sign-in token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Events" }).waitFor();
}

export async function screenshot(page, name) {
  await mkdir(SCREENSHOTS, { recursive: true });
  const path = join(SCREENSHOTS, `${name}.png`);
  await page.screenshot({ path });
  console.log(path);
}

/** Playwright evaluates past the page's content security policy, so axe needs no hole in it. */
export async function assertAccessible(page) {
  // A page that has just got another size must not be laid out for it while it is being looked at.
  const { width } = page.viewportSize();
  await page.waitForFunction((wanted) => innerWidth === wanted, width);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  // Colours on their way from one theme to the other are neither's.
  await page.evaluate(() => {
    const ending = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity);
    return Promise.allSettled(ending.map((one) => one.finished)).then(() => undefined);
  });
  if (!(await page.evaluate(() => "axe" in window))) {
    const { readFile } = await import("node:fs/promises");
    await page.evaluate(await readFile(AXE, "utf8"));
  }
  const violations = await page.evaluate(async () => {
    const result = await window.axe.run(document, { resultTypes: ["violations"] });
    return result.violations.map(({ id, help, nodes }) => ({ id, help, at: nodes.map((node) => node.html.slice(0, 160)) }));
  });
  assert.deepEqual(violations, []);
}

export async function assertTokenIsHidden(page, token) {
  await assertIsHidden(page, token, "the token");
}

/** Neither in the page nor in what it keeps. */
export async function assertIsHidden(page, secret, name) {
  assert.ok(!page.url().includes(secret), `${name} is in the address`);
  assert.ok(!(await page.content()).includes(secret), `${name} is in the document`);
  const visible = await page.evaluate(() => [document.cookie, JSON.stringify({ ...localStorage }), document.title].join("\n"));
  assert.ok(!visible.includes(secret), `${name} is in a cookie, in local storage or in the title`);
}

/** Waits until `check` returns something true, and returns that. */
export async function until(what, check, withinMs = 30_000) {
  const end = Date.now() + withinMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) assert.fail(`not within ${withinMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
