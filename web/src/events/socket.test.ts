import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import type { HubMessage } from "../live/wire.ts";
import { LiveSocket } from "./socket.ts";

/** A WebSocket whose other end is the test. */
class FakeSocket extends EventTarget {
  readonly OPEN = 1;
  readyState = 0;
  readonly sent: { type: string; [key: string]: unknown }[] = [];

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.readyState = 2; // Its `close` never comes: the other side is dead.
  }

  opens(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }
  says(message: object): void {
    this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(message) }));
  }
  closes(): void {
    this.readyState = 3;
    this.dispatchEvent(new Event("close"));
  }
  /** Answers each question so far. */
  answers(): void {
    for (const { id } of this.sent.splice(0).filter(({ type }) => type === "clock")) this.says({ type: "clock", id, stream_us: 1 });
  }
}

const sockets: FakeSocket[] = [];
let live: LiveSocket;
let heard: HubMessage[];
const newest = (): FakeSocket => sockets.at(-1)!;
const state = (): string => live.state.get().kind;
/** In small steps: a timer that is set within a step counts from the step's end. */
function pass(ms: number): void {
  for (; ms > 0; ms -= 100) mock.timers.tick(Math.min(ms, 100));
}

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  sockets.length = 0;
  heard = [];
  live = new LiveSocket("ws://hub/api/v1/live", "secret", () => {
    sockets.push(new FakeSocket());
    return newest() as unknown as WebSocket;
  });
  live.listen((message) => heard.push(message));
});
afterEach(() => {
  live.stop();
  mock.timers.reset();
});

test("why the hub closes the channel is kept while it is opened again, and forgotten with the next", () => {
  newest().opens();
  newest().says({ type: "error", reason: "too many pages are open: close another one" });
  newest().closes();
  assert.deepEqual(live.state.get(), { kind: "retrying", attempt: 1, reason: "Too many pages are open: close another one." });
  pass(10_000);
  newest().closes();
  assert.deepEqual(live.state.get(), { kind: "retrying", attempt: 2, reason: null });
});

test("it is open when the hub has confirmed the sign-in, not when the socket is", () => {
  newest().opens();
  assert.deepEqual(newest().sent, [{ type: "auth", token: "secret" }, { type: "clock", id: 1 }]);
  assert.equal(state(), "connecting");
  newest().answers();
  assert.equal(state(), "open");
});

test("a refusal is no confirmation", () => {
  newest().opens();
  newest().says({ type: "error", reason: "the sign-in token is wrong" });
  assert.equal(state(), "connecting");
  newest().closes();
  assert.equal(state(), "retrying");
});

test("whoever listens knows of the sign-in before the first message", () => {
  const seen: string[] = [];
  live.state.subscribe(() => seen.push(state()));
  live.listen(({ type }) => seen.push(type));
  newest().opens();
  newest().says({ type: "resync" });
  assert.deepEqual(seen, ["open", "resync"]);
});

test("the hub is asked every 15 s, and one that answers is kept", () => {
  newest().opens();
  newest().answers();
  for (let n = 0; n < 40; n += 1) {
    pass(15_000);
    assert.deepEqual(newest().sent.map(({ type }) => type), ["clock"]);
    newest().answers();
  }
  assert.equal(sockets.length, 1);
  assert.equal(state(), "open");
});

test("anything that is heard counts, whatever it is", () => {
  newest().opens();
  newest().answers();
  for (let n = 0; n < 10; n += 1) {
    pass(29_000);
    newest().says({ type: "of a later hub" });
  }
  assert.equal(state(), "open");
});

test("a hub that died without a word is given up after 45 s, and another connection is made", () => {
  newest().opens();
  newest().answers();
  pass(44_900);
  assert.equal(state(), "open");
  pass(100);
  assert.equal(state(), "retrying", "without waiting for the socket's own end");
  pass(10_000);
  assert.equal(sockets.length, 2);
  newest().opens();
  newest().answers();
  assert.equal(state(), "open");
  sockets[0]?.closes();
  sockets[0]?.says({ type: "resync" });
  assert.equal(state(), "open", "the first one's end comes late and changes nothing");
  assert.ok(!heard.some(({ type }) => type === "resync"));
});

test("an address that swallows the connection is given up as well", () => {
  pass(45_000);
  assert.equal(state(), "retrying");
});

test("timers that run once a minute are no silence", () => {
  newest().opens();
  newest().answers();
  const late = mock.fn();
  live.state.subscribe(late);
  for (let n = 0; n < 5; n += 1) {
    mock.timers.tick(60_000); // In one step, as a tab that is not looked at sees it.
    newest().answers();
  }
  assert.equal(late.mock.callCount(), 0);
});

test("one that is stopped says nothing more and does not come back", () => {
  newest().opens();
  newest().answers();
  live.stop();
  newest().closes();
  pass(120_000);
  assert.equal(sockets.length, 1);
});
