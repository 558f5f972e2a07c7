import assert from "node:assert/strict";
import { test } from "node:test";
import type { Camera } from "../cameras/camera.ts";
import { step, type Happening, type LiveState } from "./state.ts";
import { coverOf, withoutCamera } from "./words.ts";

function run(...happenings: Happening[]): LiveState {
  return happenings.reduce(step, { kind: "connecting", attempt: 0, because: null });
}
const gone = { kind: "lost", message: "Gone." } as const;
const lost: Happening = { kind: "setback", because: gone, atMs: 5 };

test("from the offer to the picture", () => {
  assert.deepEqual(run({ kind: "answered" }), { kind: "waiting", attempt: 0 });
  assert.deepEqual(run({ kind: "answered" }, { kind: "picture" }), { kind: "playing" });
});

test("attempts count until a picture comes", () => {
  const again: Happening[] = [lost, { kind: "connect" }];
  assert.deepEqual(run(...again, ...again), { kind: "connecting", attempt: 2, because: gone });
  assert.deepEqual(run(...again, { kind: "answered" }, { kind: "picture" }, lost), { kind: "retrying", attempt: 1, atMs: 5, because: gone });
});

test("pictures stop and come back", () => {
  const playing: Happening[] = [{ kind: "answered" }, { kind: "picture" }];
  assert.deepEqual(run(...playing, { kind: "silent", lastMs: 3 }), { kind: "stalled", lastMs: 3 });
  assert.deepEqual(run(...playing, { kind: "silent", lastMs: 3 }, { kind: "picture" }), { kind: "playing" });
});

test("a browser that plays nothing by itself says so until a picture comes", () => {
  const answered: Happening = { kind: "answered" };
  assert.deepEqual(run(answered, { kind: "blocked" }), { kind: "blocked", attempt: 0 });
  assert.deepEqual(run(answered, { kind: "blocked" }, { kind: "silent", lastMs: 3 }), { kind: "blocked", attempt: 0 });
  assert.deepEqual(run(answered, { kind: "blocked" }, { kind: "picture" }), { kind: "playing" });
  assert.equal(run(lost, { kind: "blocked" }).kind, "retrying");
});

test("what comes late changes nothing", () => {
  assert.equal(run(lost, { kind: "picture" }).kind, "retrying", "a last picture of the session that was lost");
  assert.equal(run(lost, { kind: "answered" }).kind, "retrying");
  assert.equal(run({ kind: "silent", lastMs: 3 }).kind, "connecting");
});

test("who is away asks for nothing, and whoever comes back begins as if for the first time", () => {
  const left: Happening = { kind: "left" };
  assert.deepEqual(run({ kind: "answered" }, { kind: "picture" }, left), { kind: "away" });
  assert.deepEqual(run(lost, left, { kind: "picture" }, { kind: "silent", lastMs: 3 }), { kind: "away" });
  assert.deepEqual(run(lost, left, { kind: "connect" }), { kind: "connecting", attempt: 0, because: null });
});

test("what the hub refuses is said in its words and tried again", () => {
  const because = { kind: "refused", message: "B-frames." } as const;
  const state = run({ kind: "setback", because, atMs: 9 });
  assert.deepEqual(state, { kind: "retrying", attempt: 1, atMs: 9, because });
  const again = step(state, { kind: "connect" });
  assert.deepEqual(again, { kind: "connecting", attempt: 1, because }, "it stays said while it is tried again");
});

test("the cover says the cause nearest to the camera", () => {
  const unknown = { reason: null, codec: null, width: null, height: null, interpreted: [] };
  const camera: Camera = { stream: "a.b", name: "B", edge: "a", placement: "edge", state: "live", ...unknown };
  const retrying: LiveState = { kind: "retrying", attempt: 1, atMs: 5, because: gone };
  assert.deepEqual(coverOf(camera, { kind: "playing" }), { kind: "clear" });
  assert.deepEqual(coverOf(camera, retrying), { kind: "trouble", title: "Connection lost", detail: "Gone.", retryAtMs: 5 });
  assert.deepEqual(coverOf(camera, step(retrying, { kind: "connect" })), {
    kind: "trouble",
    title: "Connection lost",
    detail: "Gone.",
    retryAtMs: 0,
  });
  const offline = coverOf({ ...camera, state: "offline" }, retrying);
  assert.ok(offline.kind === "trouble" && offline.detail.includes("“a”"));
  const failed = coverOf({ ...camera, state: "failed", reason: "401" }, { kind: "waiting", attempt: 0 });
  assert.ok(failed.kind === "trouble" && failed.detail === "401.");
  assert.equal(withoutCamera({ kind: "loading" }, "a.b").kind, "busy");
  assert.equal(withoutCamera({ kind: "failed", message: "x" }, "a.b").kind, "trouble");
  const ready = { kind: "ready", cameras: [camera], stale: null } as const;
  const title = (missing: string | null): string | null => (({ title: null, ...withoutCamera(ready, missing) })).title;
  assert.deepEqual([title("a.gone"), title(null)], ["This camera is not there", "No camera yet"]);
});
