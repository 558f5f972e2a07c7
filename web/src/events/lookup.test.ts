import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { HubClient } from "../api/client.ts";
import { Lookup } from "./lookup.ts";

const ROW = {
  ...{ id: "e", stream: "a.b", phase: "closed", revision: 2, label: "cat", track: 1, score: 0.5, box: [0, 0, 1, 1] },
  ...{ opened_us: 1, best_us: 1, closed_us: 1, place: "edge", engine: "e", model: "m", picture_revision: 2, has_crop: false },
};
const REFUSAL = (kind: string, message: string): string => JSON.stringify({ error: { kind, message } });

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** A lookup at a hub that gives these answers, the last one for ever. */
function lookup(...answers: (() => Response)[]) {
  const asked: string[] = [];
  const hub = new HubClient("t", () => {}, async (input) => {
    asked.push(String(input));
    return (answers.length > 1 ? answers.shift() : answers[0])!();
  });
  const one = new Lookup(hub, "a/b");
  return { one, asked, end: one.state.subscribe(() => {}) };
}

test("a busy hub is asked again, until the event is had", async () => {
  const { one, asked, end } = lookup(() => new Response(REFUSAL("busy", "the store is busy"), { status: 503 }), () => new Response(JSON.stringify(ROW)));
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  assert.deepEqual(one.state.get(), { kind: "failed", message: "The store is busy." });
  mock.timers.tick(10_000);
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  const state = one.state.get();
  assert.ok(state.kind === "found" && state.event.label === "cat");
  mock.timers.tick(60_000);
  assert.deepEqual(asked, ["/api/v1/events/a%2Fb", "/api/v1/events/a%2Fb"], "its name can't leave its place in the path");
  end();
});

test("an event that the hub does not have is said to be gone or still to come, and is asked for once", async () => {
  const { one, asked, end } = lookup(() => new Response(REFUSAL("not_found", "there is no such event"), { status: 404 }));
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  const state = one.state.get();
  assert.ok(state.kind === "failed" && state.message.startsWith("The hub has no such event"), JSON.stringify(state));
  mock.timers.tick(60_000);
  assert.equal(asked.length, 1);
  end();
});
