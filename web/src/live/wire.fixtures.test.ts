/** That `wire.ts` reads and writes what the hub's own types write and read: `make reference` writes the fixtures of those. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isRecord } from "../api/json.ts";
import { encode, parseHubMessage, type BrowserMessage, type HubMessage } from "./wire.ts";

const fixtures: unknown = JSON.parse(readFileSync(new URL("./wire.fixtures.json", import.meta.url), "utf8"));
assert.ok(isRecord(fixtures));
const { hub, browser } = fixtures;
assert.ok(Array.isArray(hub) && hub.every(isRecord));

/** A kind that is added to `wire.ts` does not compile here until it is named. */
const KINDS: Readonly<Record<HubMessage["type"], true>> = {
  boxes: true,
  event: true,
  picture: true,
  resync: true,
  clock: true,
  mode: true,
  error: true,
};

/** What the page says, in the order of the fixtures. */
const SAID: readonly BrowserMessage[] = [
  { type: "auth", token: "token" },
  { type: "watch", stream: "site.door" },
  { type: "watch", stream: null },
  { type: "clock", id: 7 },
  { type: "mode", mode: "live" },
  { type: "mode", mode: "exact" },
];

type Keys = Record<string, unknown>;

/** `stream_us` is `streamUs` here; values are what they are. */
function mirrored(keys: Keys): Keys {
  return Object.fromEntries(Object.entries(keys).map(([key, value]) => [key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()), value]));
}

/** What the page makes of a message: every key of it, so that one which the hub adds is missed here. */
function expected({ type, ...keys }: Keys): Keys {
  switch (type) {
    case "boxes": {
      const boxes = (keys["boxes"] as Keys[]).map(({ box, ...others }) => ({ ...others, rect: box }));
      return { type, boxes: { ...mirrored(keys), boxes } };
    }
    case "event": {
      // The outbox is a matter of hub and edge.
      const { outbox: _outbox, sequence: _sequence, ...others } = keys;
      const why = others["why"] as Keys | undefined;
      const wide = ["stayed", "over", "under"].includes(String(why?.["kind"])) ? { zone: null } : {};
      const absent = { closedUs: null, closedReason: null, rule: null };
      return { type, event: { ...absent, ...mirrored(others), why: why === undefined ? null : { ...wide, ...why } } };
    }
    default:
      return { type, ...mirrored(keys) };
  }
}

test("every message of the hub is read, with every value", () => {
  for (const message of hub) {
    const text = JSON.stringify(message);
    assert.deepEqual(parseHubMessage(text), expected(message), text);
  }
});

test("the hub says every kind that the page knows, and no other", () => {
  assert.deepEqual(new Set(hub.map((message) => message["type"])), new Set(Object.keys(KINDS)));
});

test("what the page says is what the hub reads", () => {
  assert.deepEqual(SAID.map((message): unknown => JSON.parse(encode(message))), browser);
});
