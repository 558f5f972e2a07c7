import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, parseHubMessage } from "./wire.ts";

const BOXES = {
  type: "boxes",
  stream: "site-1.door",
  rtp: 4_294_967_295,
  time_us: 1_790_000_000_123_456,
  delay_ms: 41.5,
  place: "edge",
  engine: "tract",
  model: "nanodet-g-256x416",
  boxes: [{ track: 7, label: "person", score: 0.87, box: [0.1, 0.2, 0.3, 0.4] }],
};
const EVENT = {
  type: "event",
  outbox: "00000000-0000-0000-0000-000000000002",
  sequence: 8,
  id: "00000000-0000-0000-0000-000000000001",
  stream: "site.door",
  phase: "opened",
  revision: 1,
  label: "person",
  track: 4,
  score: 0.5,
  box: [0.25, 0.5, 0.125, 0.25],
  opened_us: 1,
  best_us: 2,
  place: "hub",
  engine: "ort",
  model: "m",
};

const parse = (value: unknown) => parseHubMessage(JSON.stringify(value));

test("each message of the hub is read", () => {
  const boxes = parse(BOXES);
  assert.ok(boxes?.type === "boxes");
  assert.deepEqual(boxes.boxes.boxes, [{ track: 7, label: "person", score: 0.87, rect: [0.1, 0.2, 0.3, 0.4] }]);
  assert.equal(boxes.boxes.timeUs, 1_790_000_000_123_456);
  const event = parse(EVENT);
  assert.ok(event?.type === "event" && event.event.closedUs === null && event.event.openedUs === 1);
  const picture = { type: "picture", event: "e", revision: 2 };
  assert.deepEqual(parse(picture), { ...picture, hasCrop: false });
  assert.deepEqual(parse({ ...picture, has_crop: true }), { ...picture, hasCrop: true });
  assert.deepEqual(parse({ type: "clock", id: 1, stream_us: 5 }), { type: "clock", id: 1, streamUs: 5 });
  const mode = { type: "mode", mode: "exact", delay_ms: 120, hold_ms: 340 };
  assert.deepEqual(parse(mode), { type: "mode", mode: "exact", delayMs: 120, holdMs: 340 });
  assert.deepEqual(parse({ type: "resync" }), { type: "resync" });
  assert.deepEqual(parse({ type: "error", reason: "why" }), { type: "error", reason: "why" });
});

test("a hub that does not say how long to hold means the delay", () => {
  assert.deepEqual(parse({ type: "mode", mode: "exact", delay_ms: 120 }), { type: "mode", mode: "exact", delayMs: 120, holdMs: 120 });
  for (const hold_ms of [-1, 0.5, "340", {}]) assert.equal(parse({ type: "mode", mode: "exact", delay_ms: 120, hold_ms }), null);
});

test("keys that a later hub adds are ignored", () => {
  assert.notEqual(parse({ ...BOXES, colour: "red" }), null);
  assert.notEqual(parse({ ...EVENT, zone: { id: 1 } }), null);
});

test("no message without any one of its keys, or with one of another kind", () => {
  for (const message of [BOXES, EVENT, { type: "picture", event: "e", revision: 2 }, { type: "clock", id: 1, stream_us: 5 }]) {
    for (const key of Object.keys(message)) {
      if (key === "outbox" || key === "sequence") continue;
      const { [key as "type"]: _, ...without } = message;
      assert.equal(parse(without), null, `${message.type} without ${key}`);
      assert.equal(parse({ ...message, [key]: { wrong: true } }), null, `${message.type} with a wrong ${key}`);
    }
  }
});

test("what is out of range is refused", () => {
  for (const [key, value] of [["rtp", -1], ["rtp", 2 ** 32], ["rtp", 1.5], ["time_us", 2 ** 60], ["place", "moon"]] as const) {
    assert.equal(parse({ ...BOXES, [key]: value }), null, `${key} ${value}`);
  }
  for (const [key, value] of [["revision", -1], ["revision", 2 ** 32], ["track", -1]] as const) {
    assert.equal(parse({ ...EVENT, [key]: value }), null, `${key} ${value}`);
  }
  for (const box of [[], [1, 2, 3], [1, 2, 3, "4"], [1, 2, 3, 4, 5], null]) {
    assert.equal(parse({ ...BOXES, boxes: [{ ...BOXES.boxes[0], box }] }), null, JSON.stringify(box));
  }
});

test("an event that no address can name is left out: it could not be asked for, nor its pictures", () => {
  for (const half of ["\ud800", "a\udc00b"]) {
    for (const key of ["id", "stream"]) assert.equal(parse({ ...EVENT, [key]: half }), null);
  }
  assert.notEqual(parse({ ...EVENT, id: "\u{1f600}" }), null);
});

test("garbage is no message and no exception", () => {
  for (const text of ["", "{", "null", "[]", "1", '"boxes"', '{"type":1}', '{"type":"reboot"}', "\u0000"]) {
    assert.equal(parseHubMessage(text), null, text);
  }
  for (const value of [undefined, new ArrayBuffer(8), 5]) assert.equal(parseHubMessage(value), null);
});

test("messages to the hub are tagged by type, as its parser wants them", () => {
  assert.equal(encode({ type: "mode", mode: "exact" }), '{"type":"mode","mode":"exact"}');
  assert.equal(encode({ type: "watch", stream: null }), '{"type":"watch","stream":null}');
});
