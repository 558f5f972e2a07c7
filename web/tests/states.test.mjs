/** Every state of the page that needs no real picture, against a hub whose answers the test decides. */
import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import {
  assertAccessible,
  assertTokenIsHidden,
  Browser,
  DESKTOP,
  PHONE,
  PHONE_ON_ITS_SIDE,
  screenshot,
  signIn,
  until,
} from "./browser.mjs";
import { camera, event, FakeHub, TOKEN } from "./fake-hub.mjs";

let browser;
let hub;
let page;

before(async () => {
  browser = await Browser.start();
});
after(() => browser.stop());
beforeEach(async () => {
  hub = await new FakeHub().start();
  page = await browser.tab();
});
afterEach(async () => {
  await page.close();
  await hub.stop();
});

/** A refusal of ours shows in the console as the browser's own line about an HTTP status. */
function assertNoFaults(expected = /$^/) {
  assert.deepEqual(page.faults.filter((fault) => !expected.test(fault)), []);
}
const REFUSED = /Failed to load resource: the server responded with a status of (401|409)/;
const AWAY = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|WebSocket connection to/;
const AWAY_OR_REFUSED = new RegExp(`${AWAY.source}|${REFUSED.source}`);

test("sign-in explains itself, refuses a wrong token and takes the right one", async () => {
  await page.goto(hub.url);
  await assertAccessible(page);
  await screenshot(page, "sign-in");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Paste the token first.").waitFor();
  await page.getByLabel("Sign-in token").fill("not-the-token");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("The hub does not accept this token").waitFor();
  await assertAccessible(page);
  await page.getByLabel("Sign-in token").fill(`  ${TOKEN} `);
  await page.keyboard.press("Enter");
  await page.getByText("Connected", { exact: true }).waitFor();
  await assertTokenIsHidden(page, TOKEN);
  assertNoFaults(REFUSED);
});

test("a token in the address is taken once and is gone from it", async () => {
  await page.goto(`${hub.url}/#token=${TOKEN}&camera=north.door`);
  await page.getByText("Connected", { exact: true }).waitFor();
  await assertTokenIsHidden(page, TOKEN);
  assert.equal(new URL(page.url()).hash, "#camera=north.door");
  await page.reload();
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Sign-in token").waitFor();
  await page.reload();
  await page.getByLabel("Sign-in token").waitFor();
});

test("a token pasted into the address of an open page is taken, and is gone from it", async () => {
  await page.goto(hub.url);
  await page.getByLabel("Sign-in token").waitFor();
  await page.evaluate((token) => {
    location.hash = `token=${token}&camera=north.door`;
  }, TOKEN);
  await page.getByText("Connected", { exact: true }).waitFor();
  await assertTokenIsHidden(page, TOKEN);
  assert.equal(new URL(page.url()).hash, "#camera=north.door");
  await page.evaluate(() => {
    location.hash = "token=of-someone-else";
  });
  await until("it is out of the address", () => !page.url().includes("someone"));
  assert.ok(await page.getByText("Connected", { exact: true }).isVisible(), "who is in stays in");
});

test("a token that the hub forgets leads back to sign-in", async () => {
  await signIn(page, hub.url, TOKEN);
  hub.token = "another";
  await page.getByRole("alert").getByText("no longer accepts the token").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

test("what befell an edge is a quiet line under the events, which opens", async () => {
  const id = "00000000-0000-5000-8000-000000000001";
  const message = "edge-agent 0.1.0: a run did not end as it should: it was killed";
  const of = { id, edge: "north", kind: "unclean_end", message };
  const [received_us, wrong_us] = ["2026-05-04T12:00:00Z", "1970-01-01T00:00:07Z"].map((time) => Date.parse(time) * 1000);
  hub.incidents = [
    { ...of, time_us: wrong_us, received_us },
    { ...of, id: id.replace(/1$/, "2"), kind: "panic", message: "a part crashed", time_us: received_us, received_us },
  ];
  // The page leaves this year out.
  await page.clock.setFixedTime("2026-06-01T12:00:00Z");
  await signIn(page, hub.url, TOKEN);
  const line = page.locator("summary", { hasText: "Incidents" });
  await line.waitFor();
  assert.ok(!(await page.getByText(message).isVisible()), "it is closed");
  await line.click();
  await page.getByText("north: It ended unexpectedly").waitFor();
  const times = await page.locator(".incidents time").allTextContents();
  assert.deepEqual(times, ["4 May, 12:00:00", "1 Jan 1970, 00:00:07", "4 May, 12:00:00"], "the edge's own where it is another");
  assert.ok(await page.getByText(message).isVisible());
  await assertAccessible(page);
  await screenshot(page, "incidents");
  assertNoFaults(REFUSED);
});

test("how an edge is is a quiet line under its name, which opens", async () => {
  const health = { heard_us: Date.now() * 1000, stale: false, uptime_s: 90_000, temperature_c: 84, clock_plausible: true, outbox_waiting: 2 };
  hub.edges = [{ edge: "north", online: true, agent: "edge-agent 0.1.0", health, configuration: { state: "refused", reasons: [`camera[0].rate: too high${", whichever way one looks at it".repeat(6)}`] } }];
  await signIn(page, hub.url, TOKEN);
  const line = page.locator("summary", { hasText: "New cameras refused" });
  await line.waitFor();
  assert.ok(!(await page.getByText("camera[0].rate: too high").isVisible()), "it is closed");
  await line.click();
  await page.getByText("camera[0].rate: too high").waitFor();
  for (const figure of ["25 h", "84 °C", "2 records waiting"]) await page.getByText(figure, { exact: true }).waitFor();
  await assertAccessible(page);
  await screenshot(page, "edge");
  await page.setViewportSize(PHONE);
  const reason = page.getByText("camera[0].rate: too high");
  const { x, width } = await reason.boundingBox();
  assert.ok(x >= 0 && x + width <= PHONE.width, `${x} + ${width}`);
  await page.getByRole("heading", { name: "north" }).waitFor();
  await assertAccessible(page);
  await screenshot(page, "edge-phone");
  assertNoFaults(REFUSED);
});

test("what is put right of a camera is a quiet line below its picture, folded away on a phone", async () => {
  hub.cameras = [camera("north.door", { interpreted: ["rtp_info", "nonce"] }), camera("north.yard")];
  await signIn(page, hub.url, TOKEN);
  const said = page.getByText("RTP-Info, nonce", { exact: true });
  await said.waitFor();
  await assertAccessible(page);
  await screenshot(page, "interpreted");
  await page.setViewportSize(PHONE);
  await until("it is folded away", () => said.isHidden());
  await page.locator("summary", { hasText: "Measured" }).click();
  await said.waitFor();
  const box = await said.boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= PHONE.width, JSON.stringify(box));
  await assertAccessible(page);
  await screenshot(page, "interpreted-phone");
  await page.getByRole("button", { name: /^yard/ }).click();
  await page.getByRole("heading", { name: "yard" }).waitFor();
  assert.equal(await page.getByText("Camera faults put right").count(), 0, "nothing is said of a camera that needs nothing");
  assertNoFaults(REFUSED);
});

test("no camera and no event yet: the page says what will come", async () => {
  hub.cameras = [];
  await signIn(page, hub.url, TOKEN);
  await page.getByText("No camera yet. A camera appears here").waitFor();
  await page.getByText("Nothing has happened yet").waitFor();
  await assertAccessible(page);
  await screenshot(page, "empty");
  assertNoFaults();
});

test("each camera says how it fares, and the tile says why there is no picture", async () => {
  hub.cameras = [
    camera("north.door", { name: "Front door", reorders: true }),
    camera("north.yard", { name: "Yard", state: "failed", reason: "the camera refused the user name or password (401)" }),
    camera("south.gate", { name: "Gate", state: "offline", edge_online: false }),
    camera("south.dock", { name: "Loading dock, north side", state: "connecting", placement: "hub" }),
  ];
  await signIn(page, hub.url, TOKEN);
  await page.getByText("which WebRTC can't carry").waitFor();
  await page.getByText(/Trying again in \d s/).waitFor();
  await assertAccessible(page);
  await screenshot(page, "refused");
  await page.getByRole("button", { name: /Yard/ }).click();
  await page.getByText("The camera refused the user name or password (401).").waitFor();
  await page.getByRole("button", { name: /Gate/ }).click();
  await page.getByText("This camera is offline").waitFor();
  await assertAccessible(page);
  await screenshot(page, "offline");
  await page.getByRole("button", { name: /Loading dock/ }).click();
  await page.getByText("The edge is connecting to the camera").waitFor();
  assertNoFaults(REFUSED);
});

test("a live camera that nobody looks at says so in the list, and why under its name", async () => {
  const reason = "nobody looks at it: H.265 not decodable by this build: set the camera to H.264";
  hub.cameras = [camera("north.door", { name: "Front door", codec: "h265", reason }), camera("north.yard", { name: "Yard" })];
  await signIn(page, hub.url, TOKEN);
  await page.getByRole("button", { name: /Front door.*Not analysed/ }).waitFor();
  const why = page.getByRole("main").getByText("Nobody looks at it: H.265 not decodable by this build");
  for (const [name, size] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await page.setViewportSize(size);
    await why.waitFor();
    await assertAccessible(page);
    await screenshot(page, `unseen-${name}`);
  }
  assert.equal(await page.getByText("Analysed at the edge").count(), 0);
  await page.setViewportSize(DESKTOP);
  await page.getByRole("button", { name: /Yard/ }).click();
  await why.waitFor({ state: "detached" });
  await page.getByText("Analysed at the edge").waitFor();
  assertNoFaults(REFUSED);
});

test("with nothing clicked the picture stays on its camera while cameras come and go", async () => {
  const door = { name: "Front door" };
  const yard = { name: "Yard" };
  hub.cameras = [camera("north.door", { ...door, state: "offline" }), camera("north.yard", yard)];
  await signIn(page, hub.url, TOKEN);
  const shown = page.getByRole("main").getByRole("heading");
  await until("the first that is live", async () => (await shown.innerText()) === "Yard");
  hub.cameras = [camera("north.door", door), camera("north.yard", { ...yard, state: "failed", reason: "no route to it" })];
  await page.getByRole("button", { name: /Yard.*Failed/ }).waitFor();
  assert.equal(await shown.innerText(), "Yard");
  hub.cameras = [camera("north.door", door)];
  await page.getByText("The hub does not know the camera “north.yard”.").waitFor();
  for (const [name, size] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await page.setViewportSize(size);
    await assertAccessible(page);
    await screenshot(page, `unknown-${name}`);
  }
  await page.getByRole("button", { name: "Show another camera" }).click();
  await until("the one that is there", async () => (await shown.innerText()) === "Front door");
});

test("a link to a camera that the hub does not know shows no other one's picture, and no other one's events", async () => {
  hub.cameras = [camera("north.door", { name: "Front door" })];
  hub.events = [event(1)];
  await signIn(page, `${hub.url}/#camera=south.gate&only=camera`, TOKEN);
  await page.getByText("The hub does not know the camera “south.gate”.").waitFor();
  await page.getByText("No such event yet").waitFor();
  assert.equal(new URL(page.url()).hash, "#camera=south.gate&only=camera");
  assert.ok(!hub.asked.some((path) => path.includes("/whep")), "no video is asked for");
  hub.cameras = [...hub.cameras, camera("south.gate", { name: "Gate" })];
  await page.getByRole("main").getByRole("heading", { name: "Gate" }).waitFor();
  assertNoFaults(REFUSED);
});

test("a browser without WebRTC, or one that does not tell of frames, says so in the picture's place, and the rest works", async () => {
  const takes = {
    "has no WebRTC": () => delete window.RTCPeerConnection,
    "allows no WebRTC connection: by policy": () => {
      window.RTCPeerConnection = function () {
        throw new DOMException("by policy", "NotAllowedError");
      };
    },
    "is too old": () => delete HTMLVideoElement.prototype.requestVideoFrameCallback,
  };
  hub.events = [event(1)];
  for (const [words, take] of Object.entries(takes)) {
    const tab = await browser.tab();
    await tab.addInitScript(take);
    await signIn(tab, hub.url, TOKEN);
    await tab.getByText(`This browser ${words}`).waitFor();
    await tab.locator(".event").waitFor();
    assert.deepEqual(tab.faults, [], words);
    await tab.close();
  }
  assert.ok(!hub.asked.some((path) => path.includes("/whep")));
});

test("where the browser keeps nothing for the page, one signs in all the same", async () => {
  await page.addInitScript(() => {
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(window, name, {
        get: () => {
          throw new DOMException("site data is blocked", "SecurityError");
        },
      });
    }
  });
  await signIn(page, hub.url, TOKEN);
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Use the light theme" }).click();
  await page.getByRole("button", { name: "Use the dark theme" }).waitFor();
  assertNoFaults(REFUSED);
});

test("a camera as a later hub may tell of it does not take the page away", async () => {
  hub.cameras = [camera("north.door", { name: "Front door", state: "asleep", placement: "both_sides" }), { name: "half a camera" }];
  await signIn(page, hub.url, TOKEN);
  await page.getByRole("button", { name: /Front door.*Asleep/ }).waitFor();
  await page.getByRole("main").getByText("Both sides").waitFor();
  assertNoFaults(REFUSED);
});

test("a fault of the page says so, in place of a white page", async () => {
  hub.events = [event(1)];
  await page.addInitScript(() => {
    Object.defineProperty(Intl.DateTimeFormat.prototype, "format", {
      get: () => {
        throw new Error("a fault of the test's");
      },
    });
  });
  await page.goto(`${hub.url}/#token=${TOKEN}`);
  await page.getByText("The page has failed").waitFor();
  await assertAccessible(page);
  await screenshot(page, "failed");
  await page.getByRole("button", { name: "Reload the page" }).waitFor();
});

test("no whole screen is offered where the browser has none", async () => {
  const whole = page.getByRole("button", { name: "Show the picture on the whole screen" });
  await signIn(page, hub.url, TOKEN);
  await whole.waitFor({ state: "attached" });
  await whole.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Leave the whole screen" }).waitFor();
  await page.keyboard.press("Enter");
  await whole.waitFor({ state: "attached" });
  await page.addInitScript(() => Object.defineProperty(Document.prototype, "fullscreenEnabled", { get: () => undefined }));
  await page.reload();
  await page.locator(".stage").waitFor();
  assert.equal(await whole.count(), 0);
});

test("a display of one camera keeps its whole screen while the hub is started anew", async () => {
  await signIn(page, hub.url, TOKEN);
  const isWhole = () => page.evaluate(() => document.fullscreenElement !== null);
  const whole = page.getByRole("button", { name: "Show the picture on the whole screen" });
  await whole.waitFor({ state: "attached" });
  await whole.focus();
  await page.keyboard.press("Enter");
  await until("the whole screen", isWhole);
  const { cameras } = hub;
  hub.cameras = [];
  await page.getByText("This camera is not there").waitFor();
  assert.ok(await isWhole());
  hub.cameras = cameras;
  await page.getByText("This camera is not there").waitFor({ state: "detached" });
  assert.ok(await isWhole());
  assertNoFaults(REFUSED);
});

test("a page that stays open says that the hub was updated, and its version", async () => {
  await signIn(page, hub.url, TOKEN);
  await page.getByText("Connected", { exact: true }).waitFor();
  await hub.stop();
  hub.version = "0.2.0";
  await hub.comeBack();
  await page.getByRole("status").getByText("The hub is of version 0.2.0 now. Reload this page").waitFor();
  assert.equal(await page.locator(".version").innerText(), "0.2.0");
  for (const [name, size] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await page.setViewportSize(size);
    await assertAccessible(page);
    await screenshot(page, `updated-${name}`);
  }
  assertNoFaults(AWAY_OR_REFUSED);
});

test("an event of an edge that is gone is not said to go on, nor any while the hub is", async () => {
  const edge = { edge: "north", agent: "edge-agent 0.1.0", health: null, configuration: null };
  hub.edges = [{ ...edge, online: true }];
  hub.events = [event(1, { phase: "opened", revision: 1, closed_us: undefined })];
  await signIn(page, hub.url, TOKEN);
  const row = page.locator(".event");
  const goesOn = async () => /Now, /.test(await row.innerText());
  await until("it goes on", goesOn);
  hub.edges = [{ ...edge, online: false }];
  await until("nobody knows", async () => (await row.innerText()).includes("End not heard of"));
  assert.equal(await page.locator(".event-open").count(), 0);
  await row.click();
  await page.getByText("Nothing is heard of its edge at the moment.").waitFor();
  await assertAccessible(page);
  await screenshot(page, "not-heard-of");
  await page.keyboard.press("Escape");
  hub.edges = [{ ...edge, online: true }];
  await until("it goes on again", goesOn);
  await hub.stop();
  await until("nobody knows again", async () => (await row.innerText()).includes("End not heard of"));
  await hub.comeBack();
  assertNoFaults(AWAY_OR_REFUSED);
});

test("how long an event goes on is right though its edge's clock is five minutes off", async () => {
  const edge = { edge: "north", online: true, agent: "edge-agent 0.1.0", health: null, configuration: null };
  await signIn(page, hub.url, TOKEN);
  const says = (words) => page.locator(".event-open", { hasText: words }).waitFor();
  for (const [off, byItself] of [[300, "Now, 0 s"], [-300, "Now, 5 min"]]) {
    hub.edges = [];
    hub.events = [event(1, { phase: "opened", revision: 1, closed_us: undefined, opened_us: (Date.now() + (off - 20) * 1000) * 1000 })];
    await page.reload();
    await says(byItself);
    hub.edges = [{ ...edge, clock_offset_ms: off * 1000 + 12.3 }];
    await says(/^Now, [234]\d s$/);
  }
});

test("who reads events on a phone is not taken away from them when the hub's cameras come back", async () => {
  await page.setViewportSize(PHONE);
  hub.events = Array.from({ length: 40 }, (_, n) => event(n));
  await signIn(page, hub.url, TOKEN);
  await until("the events", async () => (await page.locator(".event").count()) === 40);
  await page.evaluate(() => scrollTo(0, 2500));
  const { cameras } = hub;
  const door = page.getByRole("navigation").getByRole("button", { name: /^door/ });
  hub.cameras = [];
  await door.waitFor({ state: "detached" });
  const before = await page.evaluate(() => scrollY);
  assert.ok(before > 1000, `${before}`);
  hub.cameras = cameras;
  await door.waitFor({ state: "attached" });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  // The list above may have got another height, which the browser itself makes up for.
  const after = await page.evaluate(() => scrollY);
  assert.ok(Math.abs(after - before) < 200, `${before} and then ${after}`);
});

test("events appear as they happen, newest first, and get their pictures", async () => {
  hub.events = [event(1), event(2, { label: "car" })];
  await signIn(page, hub.url, TOKEN);
  const rows = page.getByRole("listitem").filter({ has: page.locator(".event") });
  await until("two rows", async () => (await rows.count()) === 2);
  await until("the socket", () => hub.listeners === 1);
  hub.happen(event(3, { phase: "opened", revision: 1, closed_us: undefined, picture_revision: null }));
  await until("a third row", async () => (await rows.count()) === 3);
  assert.match(await rows.first().innerText(), /Person[\s\S]*Now/);
  assert.equal(await rows.first().locator("img").count(), 0);
  hub.say({ type: "picture", event: event(3).id, revision: 1 });
  await rows.first().locator("img").waitFor();
  hub.happen(event(3));
  await until("the event has ended", async () => /2\.5 s/.test(await rows.first().innerText()));
  assert.match(await rows.nth(1).innerText(), /Car/);
  const natural = () => rows.first().locator("img").evaluateAll((images) => images.map((image) => image.naturalWidth).join());
  // The list is fetched once more after the sign-in, and with it may come another revision of the picture.
  await until("it is the whole frame's", async () => (await natural()) === "64");
  hub.say({ type: "picture", event: event(3).id, revision: 4, has_crop: true });
  await until("the better picture is shown from near", async () => (await natural()) === "48");
  assertNoFaults(REFUSED);
});

test("pictures that could not be loaded are there once the hub has them, in the list and in large, with nobody doing anything", async () => {
  hub.blind = true;
  hub.events = [event(1), event(2, { has_crop: true })];
  await signIn(page, hub.url, TOKEN);
  await page.locator(".event").first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("The picture could not be loaded. The store is busy.").waitFor();
  await until("both were asked for", () => [1, 2].every((n) => hub.asked.some((path) => path.includes(event(n).id))));
  for (const [name, size] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await page.setViewportSize(size);
    await screenshot(page, `picture-failed-${name}`);
  }
  hub.blind = false;
  await dialog.locator("img").waitFor();
  await page.keyboard.press("Escape");
  await until("both rows have theirs", async () => (await page.locator(".event img").count()) === 2);
  assertNoFaults(/status of (409|503)/);
});

test("a crop that is not square is shown whole in the list, and not cut off at its ends", async () => {
  hub.crop = await twoEnds();
  hub.events = [event(1, { has_crop: true })];
  await signIn(page, hub.url, TOKEN);
  const image = page.locator(".event .picture-crop");
  await image.waitFor();
  await image.evaluate((element) => element.decode());
  const seen = await page.evaluate(async (bytes) => {
    const picture = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
    const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    canvas.drawImage(picture, 0, 0);
    const { data } = canvas.getImageData(0, 0, picture.width, picture.height);
    const of = (high, low) => data.some((value, i) => i % 4 === high && value > 180 && data[i - high + low] < 90);
    return { red: of(0, 2), blue: of(2, 0) };
  }, [...(await page.locator(".event .picture").screenshot())]);
  assert.deepEqual(seen, { red: true, blue: true });
  await screenshot(page, "long-crop");
  assertNoFaults(REFUSED);
});

/** Twice as wide as high, grey between a red and a blue end. */
async function twoEnds() {
  const bytes = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(320, 160);
    const context = canvas.getContext("2d");
    for (const [colour, from, to] of [["grey", 0, 320], ["red", 0, 48], ["blue", 272, 320]]) {
      context.fillStyle = colour;
      context.fillRect(from, 0, to - from, 160);
    }
    return [...new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg" })).arrayBuffer())];
  });
  return Buffer.from(bytes);
}

test("an event opens in large by keyboard and closes with Escape", async () => {
  hub.events = [event(1, { has_crop: true, rule: "visitor" })];
  await signIn(page, hub.url, TOKEN);
  const row = page.locator(".event");
  await row.locator("img").waitFor();
  for (const size of [PHONE, DESKTOP]) {
    await page.setViewportSize(size);
    // Both at once: the page may still be about to be laid out for its size.
    const [slot, image] = await row.evaluate((element) =>
      [".picture", "img"].map((one) => element.querySelector(one).getBoundingClientRect().toJSON()),
    );
    assert.equal(slot.width, slot.height, "crops are square, and so is their place");
    assert.deepEqual(image, slot, "there are no bars beside it");
  }
  assert.deepEqual(hub.asked.filter((path) => /picture|crop/.test(path)), [`GET /api/v1/events/${event(1).id}/crop`]);
  await row.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Person" });
  await dialog.locator("img").waitFor();
  const natural = () => dialog.locator("img").evaluateAll((images) => images.map((image) => image.naturalWidth).join());
  assert.equal(await natural(), "64", "in large it is the whole frame");
  const rows = await dialog.locator(".fact").evaluateAll((facts) => new Set(facts.map((fact) => fact.offsetTop)).size);
  assert.equal(rows, 1, "what is known of it stands in one row");
  await dialog.getByText(/Began Monday,? 4 May 2026 at 12:00:04 \S/).waitFor();
  await dialog.getByRole("checkbox", { name: "Close-up" }).check();
  await until("it is shown from near", async () => (await natural()) === "48");
  await dialog.getByRole("checkbox", { name: "Close-up" }).uncheck();
  await until("it is whole again", async () => (await natural()) === "64");
  hub.blind = true;
  hub.say({ type: "picture", event: event(1).id, revision: 4, has_crop: true });
  await dialog.getByText("The picture could not be loaded. The store is busy.").waitFor();
  assert.equal(await natural(), "64", "the one before stays");
  await screenshot(page, "event-late");
  hub.blind = false;
  await dialog.getByText("The picture could not be loaded. The store is busy.").waitFor({ state: "detached" });
  await assertAccessible(page);
  await screenshot(page, "event");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.ok(await row.evaluate((element) => element === document.activeElement), "the focus is back on the row");
});

test("older events are loaded on demand, and the list stays bounded", async () => {
  hub.events = Array.from({ length: 120 }, (_, n) => event(n));
  await signIn(page, hub.url, TOKEN);
  const rows = page.locator(".event");
  await until("the first page", async () => (await rows.count()) === 50);
  assert.equal(await page.evaluate(() => document.activeElement.className), "room", "who has signed in is on the page, not on nothing");
  await page.getByRole("button", { name: "Load older events" }).focus();
  await page.keyboard.press("Enter");
  await until("the second page", async () => (await rows.count()) === 100);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Load older events", "the focus stays on it");
  await page.getByRole("button", { name: "Load older events" }).click();
  await until("all", async () => (await rows.count()) === 120);
  await page.getByRole("button", { name: "Load older events" }).waitFor({ state: "hidden" });
  await until("the socket", () => hub.listeners === 1);
  for (let n = 120; n < 400; n += 1) hub.happen(event(n));
  await page.getByRole("button", { name: "Load older events" }).waitFor();
  assert.ok((await rows.count()) <= 300, `${await rows.count()} rows`);
});

test("only the events of one camera, when asked for", async () => {
  hub.cameras = [camera("north.door", { name: "Front door" }), camera("north.yard", { name: "Yard" })];
  hub.events = [event(1), event(2, { stream: "north.yard" }), event(3)];
  await signIn(page, hub.url, TOKEN);
  const rows = page.locator(".event");
  await until("all", async () => (await rows.count()) === 3);
  await page.getByRole("navigation").getByRole("button", { name: /Yard/ }).click();
  await page.getByLabel("This camera only").check();
  await until("one", async () => (await rows.count()) === 1);
  await until("the socket", () => hub.listeners === 1);
  hub.happen(event(4));
  hub.happen(event(5, { stream: "north.yard" }));
  await until("two", async () => (await rows.count()) === 2);
  assert.ok((await rows.allInnerTexts()).every((text) => text.includes("Yard")));
});

test("only events of one label, by the address too: the hub gives no others, and what happens goes through the same filter", async () => {
  hub.events = [event(1), event(2, { label: "car" }), event(3)];
  await signIn(page, hub.url, TOKEN);
  const rows = page.locator(".event");
  await until("all", async () => (await rows.count()) === 3);
  const filter = page.getByRole("combobox", { name: "Label" });
  await until("the labels", async () => (await filter.locator("option").allInnerTexts()).join() === "All labels,Car,Person");
  await filter.selectOption("Car");
  await until("one", async () => (await rows.count()) === 1);
  assert.ok(hub.asked.some((path) => /\/events\?.*label=car/.test(path)), "the hub was asked for no others");
  await until("the label is in the address", () => new URL(page.url()).hash === "#label=car");
  await until("the socket", () => hub.listeners === 1);
  hub.happen(event(4, { label: "dog" }));
  hub.happen(event(5, { label: "car" }));
  await until("two", async () => (await rows.count()) === 2);
  assert.ok((await rows.allInnerTexts()).every((text) => text.includes("Car")));
  await until("a label that has just been seen is offered", async () => (await filter.locator("option").allInnerTexts()).includes("Dog"));
  await assertAccessible(page);
  await screenshot(page, "filtered");
  await page.goto("about:blank");
  await page.goto(`${hub.url}/#label=bus`);
  await page.getByText("No such event yet").waitFor();
  assert.equal(await filter.inputValue(), "bus", "what the link asks for is chosen though it was never seen");
  await page.getByRole("button", { name: "Show all events" }).click();
  await until("all again", async () => (await rows.count()) === 5);
  assert.ok(await filter.evaluate((element) => element === document.activeElement), "the focus is on the choice of labels");
  await until("nothing is in the address", () => new URL(page.url()).hash === "");
});

test("a date goes to what was then, also as a link, and nothing of now comes in between", async () => {
  // Until 13:19:56.
  hub.events = Array.from({ length: 1200 }, (_, n) => event(n, { label: n % 2 === 1 ? "car" : "person" }));
  await signIn(page, hub.url, TOKEN);
  const rows = page.locator(".event");
  const first = () => rows.first().getAttribute("id");
  await until("the newest", async () => (await first()) === `event-${event(1199).id}`);
  await page.getByRole("button", { name: "Date", exact: true }).click();
  const field = page.getByLabel("Until");
  assert.ok(await field.evaluate((element) => element === document.activeElement), "the field has the focus");
  await field.fill("2026-05-04T12:30");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  // To the end of that minute.
  await until("those of then", async () => (await first()) === `event-${event(464).id}`);
  await until("the date is in the address", () => new URL(page.url()).hash === "#until=2026-05-04T12:30Z");
  await until("the socket", () => hub.listeners === 1);
  hub.happen(event(1200));
  hub.happen(event(464, { revision: 4, score: 0.11 }));
  await until("what is shown goes on", async () => (await rows.first().innerText()).includes("11 %"));
  assert.equal(await first(), `event-${event(464).id}`);
  for (const [name, size] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await page.setViewportSize(size);
    await assertAccessible(page);
    await screenshot(page, `until-${name}`);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, "the page is too wide");
  }
  await page.getByRole("button", { name: "Newest events" }).click();
  await until("the newest again", async () => (await first()) === `event-${event(1200).id}`);
  await until("nothing is in the address", () => new URL(page.url()).hash === "");
  await page.goto("about:blank");
  await page.goto(`${hub.url}/#label=car&until=2026-05-04T12:00`); // The browser's own zone, which is UTC here.
  await until("the cars of then", async () => (await rows.count()) === 7 && (await first()) === `event-${event(13).id}`);
  await page.evaluate(() => (location.hash = "#until=2026-05-03T12:00Z"));
  await page.getByText("Nothing was seen on any camera until 3 May 2026, 12:00, or it is no longer kept.").waitFor();
  await page.getByRole("button", { name: "Show all events" }).click();
  await until("the newest once more", async () => (await first()) === `event-${event(1200).id}`);
  assertNoFaults(REFUSED);
});

test("Enter in the date field takes the date, and the field keeps the focus", async () => {
  hub.events = Array.from({ length: 200 }, (_, n) => event(n)); // Until 12:13:16.
  await signIn(page, hub.url, TOKEN);
  await page.getByRole("button", { name: "Date", exact: true }).click();
  const field = page.getByLabel("Until");
  const hasFocus = () => field.evaluate((element) => element === document.activeElement);
  for (const time of ["2026-05-04T12:10", "2026-05-04T12:05"]) {
    await field.fill(time);
    await field.press("Enter");
    await until("the date is in the address", () => new URL(page.url()).hash === `#until=${time}Z`);
    assert.ok(await hasFocus(), "the field has the focus");
    assert.equal(await field.inputValue(), time);
  }
  await page.evaluate(() => (location.hash = "#until=2026-05-04T12:00Z"));
  await until("the field shows the address's date", async () => (await field.inputValue()) === "2026-05-04T12:00");
  assert.ok(await hasFocus(), "another date leaves the focus where it is");
  assertNoFaults(REFUSED);
});

test("at its thousandth event the list says that there are older ones, and goes on with them", async () => {
  hub.events = Array.from({ length: 1200 }, (_, n) => event(n));
  await signIn(page, hub.url, TOKEN);
  const rows = page.locator(".event");
  for (let count = 50; count < 1000; count += 50) {
    await until(`${count}`, async () => (await rows.count()) === count);
    await page.getByRole("button", { name: "Load older events" }).click();
  }
  await page.getByText("1000 events are shown, and no more at once.").waitFor();
  await rows.last().click();
  await page.getByRole("dialog").getByText("1000 events are shown, and no more at once.").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Go on with older events" }).click();
  // The 200th began at 12:13:20; the minute is shown whole, so that none is left out.
  await until("older ones", async () => (await rows.first().getAttribute("id")) === `event-${event(209).id}`);
  await page.getByText("Until 4 May 2026, 12:13").waitFor();
});

test("from one picture to the next by the arrow keys and by buttons, to what was not loaded yet", async () => {
  hub.events = Array.from({ length: 52 }, (_, n) => event(n, { label: `thing ${n}`, has_crop: n === 51 }));
  await signIn(page, hub.url, TOKEN);
  await page.locator(".event img").first().waitFor();
  const dialog = page.getByRole("dialog");
  const shows = async (n) => {
    await dialog.getByRole("heading", { name: `Thing ${n}`, exact: true }).waitFor();
    await dialog.getByRole("img", { name: `Thing ${n} on door, best view` }).waitFor();
  };
  const [newer, older] = ["Newer event", "Older event"].map((name) => dialog.getByRole("button", { name }));
  await page.locator(".event").first().click();
  await shows(51);
  const place = await older.boundingBox();
  await dialog.getByRole("checkbox", { name: "Close-up" }).focus(); // Which the next event does not have.
  await page.keyboard.press("ArrowLeft");
  await shows(51);
  assert.equal(await newer.getAttribute("aria-disabled"), "true", "there is none newer");
  await page.keyboard.press("ArrowRight");
  await shows(50);
  assert.deepEqual(await older.boundingBox(), place, "the button stays under the pointer");
  await older.click();
  await shows(49);
  await assertAccessible(page);
  await page.keyboard.press("ArrowLeft");
  await shows(50);
  for (let n = 49; n >= 0; n -= 1) {
    await page.keyboard.press("ArrowRight");
    await dialog.getByRole("heading", { name: `Thing ${n}`, exact: true }).waitFor();
    if (n === 2) await until("more is loaded at the end of what was", async () => (await page.locator(".event").count()) === 52);
  }
  assert.equal(await older.getAttribute("aria-disabled"), "true", "there is none older");
  await page.keyboard.press("ArrowLeft");
  await shows(1);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  const focused = await page.evaluate(() => document.activeElement.innerText);
  assert.match(focused, /^Thing 1\n/, "the focus is on the row of the one that was looked at last");
});

test("a link leads to one event, in the list or not, and its picture can be saved", async () => {
  await page.addInitScript(() => {
    Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => void (window.copied = text) } });
  });
  hub.cameras = [camera("north.door", { name: "Front door" }), camera("north.yard", { name: "Yard" })];
  hub.events = Array.from({ length: 120 }, (_, n) => event(n, { label: `thing ${n}`, stream: "north.yard", has_crop: true }));
  await page.goto(`${hub.url}/#token=${TOKEN}`);
  await page.locator(".event").first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("heading", { name: "Thing 119" }).waitFor();
  await page.keyboard.press("ArrowRight");
  await dialog.getByRole("heading", { name: "Thing 118" }).waitFor();
  await until("the address is that of the one that is shown", () => new URL(page.url()).hash === `#event=${event(118).id}`);
  await dialog.getByRole("button", { name: "Copy link" }).click();
  await dialog.getByText("Copied").waitFor();
  const link = await page.evaluate(() => window.copied);
  assert.equal(link, `${hub.url}/#camera=north.yard&event=${event(118).id}`);
  for (const [close, name] of [[false, "north.yard thing 118 2026-05-04T12-07-53Z.jpg"], [true, "north.yard thing 118 2026-05-04T12-07-53Z close-up.jpg"]]) {
    if (close) await dialog.getByRole("checkbox", { name: "Close-up" }).check();
    if (close) await dialog.locator(".dialog-crop").waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), dialog.getByRole("link", { name: "Save the picture" }).click()]);
    assert.equal(download.suggestedFilename(), name);
  }
  for (const [name, size] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await page.setViewportSize(size);
    await assertAccessible(page);
    await screenshot(page, `linked-${name}`);
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await until("nothing is in the address", () => new URL(page.url()).hash === "");

  // Of last week, as from a message that somebody was sent; the id as another program may write it.
  await page.goto("about:blank");
  await page.goto(`${hub.url}/#event=${event(3).id.toUpperCase()}`);
  await dialog.getByRole("heading", { name: "Thing 3" }).waitFor();
  await dialog.getByRole("img").waitFor();
  assert.equal(await page.locator(".event").count(), 50, "it is not in the list");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });

  const gone = event(500).id;
  await page.evaluate((id) => (location.hash = `event=${id}`), gone);
  await dialog.getByText("The hub has no such event").waitFor();
  for (const [name, size] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await page.setViewportSize(size);
    await assertAccessible(page);
    await screenshot(page, `no-event-${name}`);
  }
  await until("the socket", () => hub.listeners === 1);
  hub.happen(event(500, { label: "late one" }));
  await dialog.getByRole("heading", { name: "Late one" }).waitFor();
  assertNoFaults(/status of (401|404|409)/);
});

test("an event in large stays when the list goes on without it, and opens no more by itself once it is closed", async () => {
  hub.events = [event(1, { label: "cat" }), event(2)];
  await signIn(page, hub.url, TOKEN);
  await until("the socket", () => hub.listeners === 1);
  const rows = page.locator(".event");
  const cat = page.getByRole("dialog", { name: "Cat" });
  const stays = async () => {
    assert.ok(await cat.isVisible());
    for (const name of ["Newer event", "Older event"]) {
      assert.equal(await cat.getByRole("button", { name }).getAttribute("aria-disabled"), "true", "there is nothing beside it");
    }
  };
  const focused = () => page.evaluate(() => document.activeElement.ariaLabel);
  await rows.last().click();
  await cat.getByRole("img").waitFor();
  hub.events.push(...Array.from({ length: 60 }, (_, n) => event(3 + n)));
  hub.say({ type: "resync" });
  await until("the newest page takes the place of all", async () => (await rows.count()) === 50);
  await stays();
  await page.keyboard.press("Escape");
  await cat.waitFor({ state: "detached" });
  assert.equal(await focused(), "Label");
  await page.getByRole("button", { name: "Load older events" }).click();
  await until("it is back", async () => (await rows.count()) === 62);
  assert.equal(await page.getByRole("dialog").count(), 0);
  await rows.last().click();
  await cat.getByRole("img").waitFor();
  await until("the address has the event", () => new URL(page.url()).hash.startsWith("#event="));
  await page.evaluate(() => (location.hash += "&label=person"));
  await until("another filter", async () => !(await rows.allInnerTexts()).some((text) => text.startsWith("Cat")) && (await rows.count()) > 0);
  await stays();
  await page.keyboard.press("Escape");
  await cat.waitFor({ state: "detached" });
  assert.equal(await focused(), "Label");
  await page.getByRole("combobox", { name: "Label" }).selectOption("All labels");
  await until("all labels", async () => (await rows.count()) === 50);
  await page.getByRole("button", { name: "Load older events" }).click();
  await until("it is back again", async () => (await rows.count()) === 62);
  assert.equal(await page.getByRole("dialog").count(), 0);
});

test("older events that could not be loaded are asked for again from the dialog, which says so", async () => {
  hub.events = Array.from({ length: 51 }, (_, n) => event(n, { label: `thing ${n}` }));
  hub.forgetful = true;
  await signIn(page, hub.url, TOKEN);
  const pages = (which) => hub.asked.filter((path) => path.includes("/events?") && path.includes("before=") === which).length;
  await until("the newest page once more, with the socket", () => pages(false) === 2);
  await page.locator(".event").last().click();
  const dialog = page.getByRole("dialog");
  const trouble = dialog.getByRole("alert").getByText("The store is busy.");
  await trouble.waitFor();
  await assertAccessible(page);
  await screenshot(page, "event-trouble");
  const older = dialog.getByRole("button", { name: "Older event" });
  assert.equal(await older.getAttribute("aria-disabled"), "false");
  const before = pages(true);
  await older.click();
  await until("it is asked for again", () => pages(true) > before);
  await trouble.waitFor();
  hub.forgetful = false;
  await page.keyboard.press("ArrowRight");
  await trouble.waitFor({ state: "detached" });
  await until("there is an older one", async () => (await older.getAttribute("aria-disabled")) === "false");
  await page.keyboard.press("ArrowRight");
  await dialog.getByRole("heading", { name: "Thing 0", exact: true }).waitFor();
});

test("on a phone the events begin on the first screen, and what is measured is folded away above them", async () => {
  const long = "Loading dock on the north side of building 2, behind the gate";
  const cameras = ["Front door", "Yard", long].map((name, n) => camera(`north.c${n}`, { name }));
  hub.cameras = [...cameras, ...cameras.map((one) => ({ ...one, edge: "south-warehouse", stream: one.stream.replace("north", "south-warehouse") }))];
  hub.events = Array.from({ length: 12 }, (_, n) => event(n, { stream: hub.cameras[n % 6].stream }));
  await page.setViewportSize(PHONE);
  await signIn(page, `${hub.url}/#camera=south-warehouse.c2`, TOKEN);
  await page.getByRole("main").getByRole("heading", { name: long }).waitFor();
  await page.getByRole("button", { name: `${long} (south-warehouse)` }).first().waitFor();
  const inView = (locator) => locator.evaluate((element) => element.getBoundingClientRect().right <= innerWidth + 1);
  for (const [role, name] of [["button", `${long} Live`], ["heading", "south-warehouse"]]) {
    const site = page.getByRole("region", { name: "Site south-warehouse" });
    await until(`${name} is in view`, () => inView(site.getByRole(role, { name })));
  }
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, "the page is too wide");
  const second = page.locator(".event").nth(1);
  await second.waitFor();
  const { y, height } = await second.boundingBox();
  assert.ok(y + height <= PHONE.height, `the second event ends at ${y + height}`);
  const measured = page.getByText("Capture to screen");
  assert.ok(!(await measured.isVisible()));
  await assertAccessible(page);
  await screenshot(page, "phone-many");
  await page.getByText("Measured", { exact: true }).click();
  assert.ok(await measured.isVisible());
  await assertAccessible(page);
  await page.setViewportSize(DESKTOP);
  await page.getByText("Measured", { exact: true }).waitFor({ state: "detached" });
  assert.ok(await measured.isVisible(), "where there is room it is always there");
});

test("light or dark is what the system prefers, until the person says otherwise", async () => {
  const use = (theme) => page.getByRole("button", { name: `Use the ${theme} theme` });
  // For a frame colours are on their way.
  const isOn = (ground) =>
    until(ground, () => page.evaluate((rgb) => getComputedStyle(document.documentElement).backgroundColor === rgb, ground));
  const [LIGHT, DARK] = ["rgb(238, 242, 242)", "rgb(10, 14, 16)"];
  const bars = () =>
    page.evaluate(() => [...document.querySelectorAll("meta[name=theme-color]")].filter(({ media }) => matchMedia(media).matches).map((one) => one.content).join());
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(hub.url);
  await page.evaluate(() => localStorage.setItem("omma.theme", "dark")); // As pages of before did, with nothing chosen.
  await page.reload();
  await signIn(page, hub.url, TOKEN);
  await use("dark").waitFor();
  await isOn(LIGHT);
  assert.equal(await bars(), "#ffffff");
  await page.emulateMedia({ colorScheme: "dark" });
  await use("light").waitFor();
  await isOn(DARK);
  assert.equal(await bars(), "#11171a");
  await use("light").click();
  await isOn(LIGHT);
  assert.equal(await bars(), "#ffffff", "the browser's own bars follow");
  await page.reload();
  await use("dark").waitFor();
  await isOn(LIGHT);
  await use("dark").click();
  await isOn(DARK);
  await page.emulateMedia({ colorScheme: "light" });
  await use("dark").waitFor(); // What agrees with the system is no choice against it.
  await isOn(LIGHT);
  assert.equal(await page.evaluate(() => localStorage.getItem("omma.theme")), null);
});

test("colours are written out for browsers that know no light-dark()", async () => {
  await page.goto(hub.url);
  const styles = await page.evaluate(() => Promise.all([...document.querySelectorAll("link[rel=stylesheet]")].map(async ({ href }) => (await fetch(href)).text())));
  assert.match(styles.join(), /--ground:/);
  assert.doesNotMatch(styles.join(), /light-dark\(/);
});

test("the hub goes away and comes back: the page says so, and misses no event", async () => {
  hub.events = [event(1)];
  await signIn(page, hub.url, TOKEN);
  await page.locator(".event").waitFor();
  await hub.stop();
  await page.getByText("Hub not reachable").waitFor();
  await page.getByText("1 of 1 were live").waitFor();
  const why = page.getByText("The hub cannot be reached. Tried again every few seconds.");
  for (const [name, size] of [["phone", PHONE], ["desktop", DESKTOP]]) {
    await page.setViewportSize(size);
    assert.ok(await why.isVisible(), "why is said to who has no mouse, too");
    await assertAccessible(page);
    await screenshot(page, `away-hub-${name}`);
  }
  assert.equal(await page.locator(".event").count(), 1, "what is known stays");
  hub.events.push(event(2), event(3));
  await hub.comeBack();
  await page.getByText("Connected", { exact: true }).waitFor();
  await until("the events of meanwhile", async () => (await page.locator(".event").count()) === 3);
  assertNoFaults(AWAY_OR_REFUSED);
});

test("events that the channel skipped are fetched when the hub says so", async () => {
  hub.events = [event(1)];
  await signIn(page, hub.url, TOKEN);
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.locator(".event").waitFor();
  hub.events.push(event(2), event(3));
  hub.say({ type: "resync" });
  await until("the events of meanwhile", async () => (await page.locator(".event").count()) === 3);
});

test("why the hub closes the channel of events is said in the header", async () => {
  await signIn(page, hub.url, TOKEN);
  await until("the socket", () => hub.listeners === 1);
  hub.crowded = true;
  hub.hangUp("too many pages are open: close another one");
  await page.getByText("Too many pages are open: close another one. It is opened again by itself.").waitFor();
  hub.crowded = false;
  await page.getByText("Connected", { exact: true }).waitFor();
});

test("a hub that is away at sign-in is waited for", async () => {
  await page.goto(hub.url);
  await page.getByLabel("Sign-in token").fill(TOKEN);
  await hub.stop();
  await page.keyboard.press("Enter");
  await page.getByText("The hub is not answering").waitFor();
  await assertAccessible(page);
  await hub.comeBack();
  await page.getByText("Connected", { exact: true }).waitFor();
});

test("light and dark, wide and narrow", async () => {
  hub.cameras = [camera("north.door", { name: "Front door" }), camera("north.yard", { name: "Yard", state: "connecting" })];
  hub.events = Array.from({ length: 12 }, (_, n) => event(n, { label: n % 4 === 1 ? "car" : "person" }));
  await signIn(page, hub.url, TOKEN);
  await page.locator(".event img").first().waitFor();
  for (const theme of ["dark", "light"]) {
    const sizes = { desktop: DESKTOP, tablet: { width: 1024, height: 768 }, phone: PHONE, "phone-on-its-side": PHONE_ON_ITS_SIDE };
    for (const [name, size] of Object.entries(sizes)) {
      await page.setViewportSize(size);
      await assertAccessible(page);
      await screenshot(page, `${theme}-${name}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${theme} ${name}: the page is ${wide} px too wide`);
    }
    await page.getByRole("button", { name: /theme/ }).click();
  }
});

test("a phone on its side: one column that the page scrolls, and in it the whole of the picture at once", async () => {
  hub.events = Array.from({ length: 12 }, (_, n) => event(n));
  await page.setViewportSize(PHONE_ON_ITS_SIDE);
  await signIn(page, hub.url, TOKEN);
  await page.locator(".event").first().waitFor();
  const { width, height } = await page.locator(".stage").boundingBox();
  assert.ok(width > 800 && height > 300 && height <= PHONE_ON_ITS_SIDE.height, `${width} × ${height}`);
  const hidden = (element) => element.scrollHeight - element.clientHeight;
  for (const part of [".live-column", ".events-body"]) assert.ok((await page.locator(part).evaluate(hidden)) <= 1, `${part} scrolls by itself`);
  assert.ok((await page.locator("html").evaluate(hidden)) > 1, "the page does");
});
