import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { success, type Result } from "../api/result.ts";
import type { HubMessage } from "../live/wire.ts";
import { Store } from "../ui/store.ts";
import { Labels, MAX_LABELS, withLabels } from "./labels.ts";
import type { SocketState } from "./socket.ts";

test("each label stands once, in order, and what brings nothing new changes nothing", () => {
  const known = withLabels([], ["person", "car", "person"]);
  assert.deepEqual(known, ["car", "person"]);
  assert.equal(withLabels(known, ["car"]), known);
  assert.deepEqual(withLabels(known, ["dog", "bus"]), ["bus", "car", "dog", "person"]);
});

test("an event without a label adds none that would look like all labels", () => {
  assert.deepEqual(withLabels([], ["", "car"]), ["car"]);
});

test("labels that happen are bounded as the hub's are", async () => {
  let say: (message: HubMessage) => void = () => {};
  const hub = { labels: (): Promise<Result<readonly string[]>> => Promise.resolve(success([])) };
  const labels = new Labels(hub, { state: new Store<SocketState>({ kind: "open" }), listen: (listener) => ((say = listener), () => {}) });
  const end = labels.state.subscribe(() => {});
  await setImmediate();
  for (let n = 0; n < MAX_LABELS + 10; n += 1) say({ type: "event", event: { label: `thing ${n}` } } as HubMessage);
  assert.equal(labels.state.get().length, MAX_LABELS);
  end();
});

test("labels are those of the store, those that happen, and those of the time while the socket was gone", async () => {
  const socket = new Store<SocketState>({ kind: "connecting" });
  let say: (message: HubMessage) => void = () => {};
  let stored = ["person"];
  const hub = { labels: (): Promise<Result<readonly string[]>> => Promise.resolve(success(stored)) };
  const labels = new Labels(hub, { state: socket, listen: (listener) => ((say = listener), () => {}) });
  const end = labels.state.subscribe(() => {});
  await setImmediate();
  assert.deepEqual(labels.state.get(), ["person"]);
  say({ type: "event", event: { label: "dog" } } as HubMessage);
  assert.deepEqual(labels.state.get(), ["dog", "person"]);
  stored = ["car", "dog", "person"];
  socket.set({ kind: "open" });
  await setImmediate();
  assert.deepEqual(labels.state.get(), stored);
  end();
});
