import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { HubClient } from "../api/client.ts";
import { parseHubMessage, type HubMessage } from "../live/wire.ts";
import { Store } from "../ui/store.ts";
import { Lookup } from "./lookup.ts";
import type { SocketState } from "./socket.ts";

const ROW = {
  ...{ id: "e", stream: "a.b", phase: "closed", revision: 2, label: "cat", track: 1, score: 0.5, box: [0, 0, 1, 1] },
  ...{ opened_us: 1, best_us: 1, closed_us: 1, place: "edge", engine: "e", model: "m", picture_revision: 2, has_crop: false },
};
const REFUSAL = (kind: string, message: string): string => JSON.stringify({ error: { kind, message } });

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** A lookup of the event `id` at a hub that gives these answers, the last one for ever; and its socket. */
function lookup(id: string, ...answers: (() => Response)[]) {
  const asked: string[] = [];
  const hub = new HubClient("t", () => {}, async (input) => {
    asked.push(String(input));
    return (answers.length > 1 ? answers.shift() : answers[0])!();
  });
  const state = new Store<SocketState>({ kind: "open" });
  const listeners = new Set<(message: HubMessage) => void>();
  const listen = (listener: (message: HubMessage) => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const say = (message: object): void => {
    const heard = parseHubMessage(JSON.stringify(message));
    assert.ok(heard !== null);
    for (const listener of listeners) listener(heard);
  };
  const one = new Lookup(hub, { state, listen }, id);
  return { one, asked, say, state, listeners, end: one.state.subscribe(() => {}) };
}
const answered = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
};
const found = (one: Lookup) => {
  const state = one.state.get();
  assert.ok(state.kind === "found", JSON.stringify(state));
  return state.event;
};
const rowOf = (rest: object = {}) => () => new Response(JSON.stringify({ ...ROW, ...rest }));
const unknown = () => new Response(REFUSAL("not_found", "there is no such event"), { status: 404 });

test("a busy hub is asked again, until the event is had", async () => {
  const { one, asked, end } = lookup("a/b", () => new Response(REFUSAL("busy", "the store is busy"), { status: 503 }), () => new Response(JSON.stringify(ROW)));
  await answered();
  assert.deepEqual(one.state.get(), { kind: "failed", message: "The store is busy." });
  mock.timers.tick(10_000);
  await answered();
  const state = one.state.get();
  assert.ok(state.kind === "found" && state.event.label === "cat");
  mock.timers.tick(60_000);
  assert.deepEqual(asked, ["/api/v1/events/a%2Fb", "/api/v1/events/a%2Fb"], "its name can't leave its place in the path");
  end();
});

test("an event that the hub does not have is said to be gone or still to come, and is asked for once", async () => {
  const { one, asked, end } = lookup("a/b", () => new Response(REFUSAL("not_found", "there is no such event"), { status: 404 }));
  await answered();
  const state = one.state.get();
  assert.ok(state.kind === "failed" && state.message.startsWith("The hub has no such event"), JSON.stringify(state));
  mock.timers.tick(60_000);
  assert.equal(asked.length, 1);
  end();
});

test("an event that was opened by a link goes on: its first picture, a better one, its end", async () => {
  const { one, say, end, listeners } = lookup("e", rowOf({ phase: "opened", revision: 1, closed_us: null, picture_revision: null }));
  await answered();
  assert.equal(found(one).closedUs, null);
  say({ type: "picture", event: "e", revision: 1, has_crop: false });
  assert.deepEqual(found(one).picture, { revision: 1, hasCrop: false });
  say({ type: "picture", event: "another", revision: 9, has_crop: true });
  say({ type: "picture", event: "e", revision: 2, has_crop: true });
  say({ type: "event", ...ROW, id: "another", revision: 7, label: "dog" });
  say({ type: "event", ...ROW, revision: 3, closed_us: 9 });
  const { picture, closedUs, label } = found(one);
  assert.deepEqual([picture, closedUs, label], [{ revision: 2, hasCrop: true }, 9, "cat"]);
  end();
  assert.equal(listeners.size, 0);
});

test("an event that came a second after its link was followed is shown, with its picture", async () => {
  for (const message of [{ type: "event", ...ROW }, { type: "picture", event: "e", revision: 2, has_crop: false }]) {
    const { one, asked, say, end } = lookup("e", unknown, rowOf());
    await answered();
    assert.equal(one.state.get().kind, "failed");
    say(message);
    await answered();
    assert.deepEqual(found(one).picture, { revision: 2, hasCrop: false });
    assert.equal(asked.length, 2);
    end();
  }
});

test("what was missed of an event that was opened by a link is asked for again, and what is known stays meanwhile", async () => {
  const open = { phase: "opened", revision: 1, closed_us: null };
  const { one, state, say, end } = lookup("e", rowOf(open), unknown, rowOf());
  await answered();
  state.set({ kind: "retrying", attempt: 1, reason: null });
  state.set({ kind: "open" });
  await answered();
  assert.equal(found(one).phase, "opened", "no longer kept by the hub, and still looked at");
  say({ type: "resync" });
  await answered();
  assert.equal(found(one).phase, "closed");
  end();
});
