/** The live picture over a real WebRTC session between two tabs: how it begins, goes wrong, goes on and ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertAccessible, DESKTOP, PHONE, screenshot, signIn, until } from "./browser.mjs";
import { camera, TOKEN } from "./fake-hub.mjs";
import { send, setBack } from "./sender.mjs";
import { analysed, hub, live, page, playing, tab } from "./watching.mjs";

test("the clock is asked for too where the channel opens before the browser says that it took the answer", async () => {
  await page.addInitScript(() => {
    const take = RTCPeerConnection.prototype.setRemoteDescription;
    RTCPeerConnection.prototype.setRemoteDescription = async function (answer) {
      await take.call(this, answer);
      await new Promise((resolve) => this.addEventListener("connectionstatechange", () => setTimeout(resolve, 1000)));
    };
  });
  await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await until("the stream's clock is known", async () => (await live()).clock !== null);
});

/** Counts the connections that the page has open. */
async function countConnections() {
  await page.addInitScript(() => {
    const { RTCPeerConnection } = window;
    window.connections = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...how) {
        super(...how);
        window.connections.push(this);
      }
    };
  });
  return () => page.evaluate(() => window.connections.filter(({ connectionState }) => connectionState !== "closed").length);
}

const door = () => page.getByRole("navigation").getByRole("button", { name: /^door/ });
const yard = () => page.getByRole("navigation").getByRole("button", { name: /^yard/ });
const DOOR_ENDED = "DELETE /api/v1/streams/north.door/whep/a-session";
const YARD_ENDED = "DELETE /api/v1/streams/north.yard/whep/a-session";

test("who chooses another camera while one plays has one session, of the other in the same mode, and nothing of the first on its picture", async () => {
  hub.cameras = [camera("north.door"), camera("north.yard")];
  const open = await countConnections();
  const other = await send(tab, page, hub);
  await signIn(page, `${hub.url}/#camera=north.door&mode=live`, TOKEN);
  await playing();
  await analysed(3);
  await yard().click();
  await until("the first is ended", () => hub.asked.includes(DOOR_ENDED));
  await until("the other is there", async () => (await live())?.stream === "north.yard");
  await playing();
  assert.deepEqual([await open(), await other.sessions()], [1, 2]);
  assert.ok(!hub.asked.includes(YARD_ENDED), "the one that plays goes on");
  await until("the mode is kept", async () => (await live()).mode === "live");
  assert.equal(new URL(page.url()).hash, "#camera=north.yard&mode=live");
});

test("who chooses another camera before the first has answered is shown the other alone, whenever the first answers", async () => {
  hub.cameras = [camera("north.door"), camera("north.yard")];
  const open = await countConnections();
  const other = await send(tab, page, hub);
  let answer;
  let given;
  const late = new Promise((resolve) => (answer = resolve));
  const gone = new Promise((resolve) => (given = resolve));
  await page.route("**/north.door/whep?*", async (route) => {
    await late;
    // The browser has given the request up by then; the hub takes such a session back by itself.
    await route.fulfill({ status: 201, contentType: "application/sdp", body: "v=0" }).catch(() => undefined);
    given();
  });
  const asked = page.waitForRequest(/north\.door\/whep/);
  await signIn(page, `${hub.url}/#camera=north.door`, TOKEN);
  const request = await asked;
  await yard().click();
  await until("the other is there", async () => (await live())?.stream === "north.yard");
  await playing();
  assert.notEqual(request.failure(), null, "the first is given up");
  answer();
  await gone;
  const { counters } = await live();
  await until("frames go on", async () => (await live()).counters.framesPresented > counters.framesPresented + 5);
  assert.deepEqual([await open(), await other.sessions(), (await live()).stream], [1, 1, "north.yard"]);
  await door().click();
  await until("the second is ended in its turn", () => hub.asked.includes(YARD_ENDED));
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

test("after the stream's clock was set back by an hour boxes are drawn again, at once, without another session", async () => {
  const other = await send(tab, page, hub);
  await signIn(page, `${hub.url}/#mode=live`, TOKEN); // The track's own frames can't be set back.
  await playing();
  await until("the stream's clock is known", async () => (await live()).clock !== null);
  await until("the page has kept what it keeps at most", async () => (await live()).counters.boxesReceived >= 128, 60_000);
  const { clock } = await live();
  await setBack(tab, page, 3600);
  await until("the page knows the new clock", async () => (await live()).clock.offsetUs < clock.offsetUs - 3590e6);
  await page.evaluate(() => window.__omma.reset());
  const { counters } = await analysed(20);
  assert.ok(counters.framesWithOwnBoxes + counters.framesWithHeldBoxes > counters.framesWithoutBoxes, JSON.stringify(counters));
  await until("the latency is by the new clock", async () => Math.abs((await live()).latency?.p50) < 5000);
  assert.equal(await other.sessions(), 1);
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

/** Of a paused element: Chromium goes on to show its pictures, and its track's frames. Other browsers don't, and have none of those. */
const showNothingWhilePaused = () =>
  page.addInitScript(() => {
    delete window.MediaStreamTrackProcessor;
    const { requestVideoFrameCallback } = HTMLVideoElement.prototype;
    HTMLVideoElement.prototype.requestVideoFrameCallback = function (shown) {
      return requestVideoFrameCallback.call(this, (now, metadata) => {
        if (this.paused) this.requestVideoFrameCallback(shown);
        else shown(now, metadata);
      });
    };
  });

test("a video that is paused by the browser's own button is no silent camera, and plays at a press", async () => {
  await showNothingWhilePaused();
  const other = await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await page.evaluate(() => document.querySelector("video").pause());
  await page.getByRole("button", { name: "Play" }).click();
  await playing();
  assert.equal(await other.sessions(), 1);
});

test("a screen reader is told that the picture has stopped, by an element that was there while it played", async () => {
  const other = await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  const status = await page.locator(".stage").getByRole("status").elementHandle();
  assert.equal(await status.innerText(), "");
  await other.pause(true);
  await until("it says so", async () => (await status.innerText()).includes("The picture has stopped"));
});

test("where nothing comes through on the hub's UDP port that is said, and not that the camera or the hub is silent", async () => {
  await send(tab, page, hub);
  const closed = (sdp) => sdp.replace(/^a=candidate:.*\r\n/gm, "");
  await page.route("**/whep?*", async (route) => {
    const sdp = await tab.evaluate((offer) => window.answer(offer), closed(route.request().postData()));
    const headers = { location: `${new URL(route.request().url()).pathname}/a-session` };
    await route.fulfill({ status: 201, contentType: "application/sdp", headers, body: closed(sdp) });
  });
  await signIn(page, hub.url, TOKEN);
  await page.locator(".cover-title", { hasText: "Connecting" }).waitFor();
  const said = new Set();
  await until("it is said", async () => {
    said.add(await page.locator(".cover-title").innerText());
    return said.has("No way for live pictures");
  });
  await page.getByText("UDP port for live video").waitFor();
  assert.deepEqual([...said].toSorted(), ["Connecting", "No way for live pictures"]);
  for (const [name, size] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await page.setViewportSize(size);
    await assertAccessible(page);
    await screenshot(page, `no-way-${name}`);
  }
});

test("boxes of long ago don't stay on the picture where the browser names no frame", async () => {
  await page.addInitScript(() => {
    delete window.MediaStreamTrackProcessor; // Which names them too.
    const { requestVideoFrameCallback } = HTMLVideoElement.prototype;
    HTMLVideoElement.prototype.requestVideoFrameCallback = function (shown) {
      return requestVideoFrameCallback.call(this, (now, { width, height, expectedDisplayTime }) => shown(now, { width, height, expectedDisplayTime }));
    };
  });
  const other = await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await until("boxes are drawn", async () => (await live()).frames.at(-1)?.drawn === "held");
  await other.look(false);
  await until("none are", async () => (await live()).frames.at(-1).drawn === "none", 5000);
});

test("a browser that plays nothing by itself says so, and plays at a press", async () => {
  await showNothingWhilePaused();
  await page.addInitScript(() => {
    // As Safari does on a phone that saves power, and Firefox where the person blocks video: even where it is muted.
    const { play } = HTMLMediaElement.prototype;
    const { set } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject");
    Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
      get() {
        return this.given ?? null;
      },
      set(stream) {
        this.autoplay = false;
        this.given = stream;
        set.call(this, stream);
      },
    });
    // Not by `navigator.userActivation`: looking at the page from a test counts as a gesture there.
    let pressed = false;
    addEventListener("pointerdown", () => (pressed = true), true);
    HTMLMediaElement.prototype.play = function () {
      return pressed ? play.call(this) : Promise.reject(new DOMException("no gesture", "NotAllowedError"));
    };
  });
  const other = await send(tab, page, hub);
  // With a token in the address: who presses the button to sign in has pressed.
  await page.goto(`${hub.url}/#token=${TOKEN}`);
  await page.getByText("This browser plays nothing by itself").waitFor();
  for (const [name, size] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await page.setViewportSize(size);
    await assertAccessible(page);
    await screenshot(page, `blocked-${name}`);
  }
  assert.equal((await live()).state, "blocked");
  await page.getByRole("button", { name: "Play" }).click();
  await playing();
  await page.getByText("This browser plays nothing by itself").waitFor({ state: "detached" });
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

test("a tab that nobody has seen for a minute ends the session, and plays again as soon as it is seen", async () => {
  await page.addInitScript(() => {
    const { setTimeout } = window;
    window.setTimeout = (then, ms, ...rest) => setTimeout(then, ms === 60_000 ? 500 : ms, ...rest);
    window.hide = (hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    };
  });
  const other = await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await page.evaluate(() => window.hide(true));
  await until("the session is ended", () => hub.asked.includes("DELETE /api/v1/streams/north.door/whep/a-session"));
  await page.getByText("Paused").waitFor();
  for (const [name, size] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    await page.setViewportSize(size);
    await assertAccessible(page);
    await screenshot(page, `away-${name}`);
  }
  assert.deepEqual([(await live()).state, await other.sessions()], ["away", 1]);
  await page.evaluate(() => window.hide(false));
  await playing();
  assert.equal(await other.sessions(), 2);
});

test("who leaves ends the session", async () => {
  await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await page.getByRole("button", { name: "Sign out" }).click();
  await until("the session is ended", () => hub.asked.includes("DELETE /api/v1/streams/north.door/whep/a-session"));
});

test("who closes the page ends the session", async () => {
  await send(tab, page, hub);
  await signIn(page, hub.url, TOKEN);
  await playing();
  await page.goto("about:blank");
  await until("the session is ended", () => hub.asked.includes("DELETE /api/v1/streams/north.door/whep/a-session"));
});
