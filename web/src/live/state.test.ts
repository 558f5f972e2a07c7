import assert from "node:assert/strict";
import { test } from "node:test";
import type { Camera } from "../cameras/camera.ts";
import { step, type Happening, type LiveState } from "./state.ts";
import { coverOf, withoutCamera } from "./words.ts";

function run(...happenings: Happening[]): LiveState {
  return happenings.reduce(step, { kind: "connecting", attempt: 0, because: null });
}
const gone = { kind: "lost", message: "Gone." } as const;
const lost: Happening = { kind: "setback", because: gone, nowMs: 4, atMs: 5 };
/** At 1 ms. */
const picture: Happening = { kind: "picture", nowMs: 1 };
const PLAYING = { kind: "playing", attempt: 0, sinceMs: 1 } as const;

test("from the offer to the picture", () => {
  assert.deepEqual(run({ kind: "connected" }), { kind: "waiting", attempt: 0 });
  assert.deepEqual(run({ kind: "connected" }, picture), PLAYING);
});

test("attempts count until it has played for a while: sessions that end with their first picture are begun ever more seldom", () => {
  const again: Happening[] = [lost, { kind: "connect" }];
  assert.deepEqual(run(...again, ...again), { kind: "connecting", attempt: 2, because: gone });
  const shown: Happening[] = [{ kind: "connected" }, picture];
  assert.deepEqual(run(...again, ...shown, lost), { kind: "retrying", attempt: 2, atMs: 5, because: gone });
  const silent: Happening = { kind: "silent", lastMs: 3 };
  for (const then of [[], [silent], [silent, { kind: "picture", nowMs: 9000 }]] as Happening[][]) {
    const later = run(...again, ...shown, ...then, { ...lost, nowMs: 5001 });
    assert.deepEqual(later, { kind: "retrying", attempt: 1, atMs: 5, because: gone });
  }
});

test("pictures stop and come back", () => {
  const playing: Happening[] = [{ kind: "connected" }, picture];
  assert.deepEqual(run(...playing, { kind: "silent", lastMs: 3 }), { kind: "stalled", lastMs: 3, attempt: 0, sinceMs: 1 });
  assert.deepEqual(run(...playing, { kind: "silent", lastMs: 3 }, picture), PLAYING);
});

test("a browser that plays nothing by itself says so until a picture comes", () => {
  const connected: Happening = { kind: "connected" };
  assert.deepEqual(run(connected, { kind: "blocked" }), { kind: "blocked", attempt: 0 });
  assert.deepEqual(run(connected, { kind: "blocked" }, { kind: "silent", lastMs: 3 }), { kind: "blocked", attempt: 0 });
  assert.deepEqual(run(connected, { kind: "blocked" }, picture), PLAYING);
  assert.equal(run(lost, { kind: "blocked" }).kind, "retrying");
});

test("what comes late changes nothing", () => {
  assert.equal(run(lost, picture).kind, "retrying", "a last picture of the session that was lost");
  assert.equal(run(lost, { kind: "connected" }).kind, "retrying");
  assert.equal(run({ kind: "silent", lastMs: 3 }).kind, "connecting");
});

test("who is away asks for nothing, and whoever comes back begins as if for the first time", () => {
  const left: Happening = { kind: "left" };
  assert.deepEqual(run({ kind: "connected" }, picture, left), { kind: "away" });
  assert.deepEqual(run(lost, left, picture, { kind: "silent", lastMs: 3 }), { kind: "away" });
  assert.deepEqual(run(lost, left, { kind: "connect" }), { kind: "connecting", attempt: 0, because: null });
});

test("what the hub refuses is said in its words and tried again", () => {
  const because = { kind: "refused", message: "B-frames." } as const;
  const state = run({ kind: "setback", because, nowMs: 8, atMs: 9 });
  assert.deepEqual(state, { kind: "retrying", attempt: 1, atMs: 9, because });
  const again = step(state, { kind: "connect" });
  assert.deepEqual(again, { kind: "connecting", attempt: 1, because }, "it stays said while it is tried again");
});

test("the cover says the cause nearest to the camera", () => {
  const unknown = { reason: null, codec: null, width: null, height: null, interpreted: [] };
  const camera: Camera = { stream: "a.b", name: "B", edge: "a", placement: "edge", state: "live", ...unknown };
  const retrying: LiveState = { kind: "retrying", attempt: 1, atMs: 5, because: gone };
  assert.deepEqual(coverOf(camera, PLAYING), { kind: "clear" });
  assert.deepEqual(coverOf(camera, retrying), { kind: "trouble", title: "Connection lost", detail: "Gone.", retryAtMs: 5 });
  assert.deepEqual(coverOf(camera, step(retrying, { kind: "connect" })), {
    kind: "trouble",
    title: "Connection lost",
    detail: "Gone.",
    retryAtMs: 0,
  });
  const noWay = coverOf(camera, { ...retrying, because: { kind: "no-way", message: "UDP." } });
  assert.ok(noWay.kind === "trouble" && noWay.title === "No way for live pictures" && noWay.detail === "UDP.");
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
