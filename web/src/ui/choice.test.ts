import assert from "node:assert/strict";
import { test } from "node:test";
import type { Camera } from "../cameras/camera.ts";
import type { CamerasState } from "../cameras/poll.ts";
import { chosen } from "./choice.ts";

/** `door` is offline, `gate!` is live. */
function list(...names: string[]): CamerasState {
  const cameras = names.map((name): Camera => {
    const stream = `a.${name.replace("!", "")}`;
    const live = name.endsWith("!");
    const rest = { placement: "edge", reason: null, codec: null, width: null, height: null, interpreted: [] };
    return { stream, name, edge: "a", state: live ? "live" : "offline", ...rest };
  });
  return { kind: "ready", cameras, stale: null };
}

/** What is shown after each of these answers. */
function shown(wanted: string | null, ...polls: CamerasState[]): (string | null)[] {
  let before: string | null = null;
  return polls.map((poll) => {
    const { camera, stream } = chosen(poll, wanted, before);
    before = stream;
    return camera?.stream ?? null;
  });
}

test("with nothing clicked the first live camera is shown, and stays while cameras flap", () => {
  const polls = [list("door", "gate!", "yard!"), list("door!", "gate!", "yard!"), list("door!", "gate", "yard!"), list("door", "gate", "yard")];
  assert.deepEqual(shown(null, ...polls), ["a.gate", "a.gate", "a.gate", "a.gate"]);
});

test("a camera that is no longer in the list gives way to no other, and is shown again once its edge is back", () => {
  assert.deepEqual(shown(null, list("door!", "gate!"), list("gate!"), list("door!", "gate!")), ["a.door", null, "a.door"]);
  assert.deepEqual(shown(null, list("door!"), list(), list("gate!")), ["a.door", null, null]);
});

test("a link to a camera that the hub does not know shows no other", () => {
  assert.deepEqual(shown("a.yard", list("door!"), list("door!", "yard")), [null, "a.yard"]);
  assert.deepEqual(chosen(list("door!"), "a.yard", "a.door"), { camera: null, stream: "a.yard" });
});

test("no camera is live: the first, and that stays too", () => {
  assert.deepEqual(shown(null, list("door", "gate"), list("door", "gate!")), ["a.door", "a.door"]);
  assert.equal(chosen({ kind: "loading" }, "a.door", "a.door").camera, null);
  assert.deepEqual(chosen(list(), null, null), { camera: null, stream: null });
});
