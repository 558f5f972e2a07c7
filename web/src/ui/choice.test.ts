import assert from "node:assert/strict";
import { test } from "node:test";
import type { Camera } from "../api/types.ts";
import type { CamerasState } from "../cameras/poll.ts";
import { chosen } from "./choice.ts";

/** `door` is offline, `gate!` is live. */
function list(...names: string[]): CamerasState {
  const cameras = names.map((name): Camera => {
    const stream = `a.${name.replace("!", "")}`;
    const live = name.endsWith("!");
    return { stream, name, edge: "a", edge_online: live, placement: "edge", state: live ? "live" : "offline" };
  });
  return { kind: "ready", cameras, stale: null };
}

/** What is shown after each of these answers. */
function shown(wanted: string | null, ...polls: CamerasState[]): (string | null)[] {
  let before: string | null = null;
  return polls.map((poll) => {
    const stream = chosen(poll, wanted, before)?.stream ?? null;
    before = stream ?? before;
    return stream;
  });
}

test("with nothing clicked the first live camera is shown, and stays while cameras flap", () => {
  const polls = [list("door", "gate!", "yard!"), list("door!", "gate!", "yard!"), list("door!", "gate", "yard!"), list("door", "gate", "yard")];
  assert.deepEqual(shown(null, ...polls), ["a.gate", "a.gate", "a.gate", "a.gate"]);
});

test("a camera that is no longer in the list gives way, and does not take the place back", () => {
  assert.deepEqual(shown(null, list("door!", "gate!"), list("gate!"), list("door!", "gate!")), ["a.door", "a.gate", "a.gate"]);
  assert.deepEqual(shown(null, list("door!"), list(), list("gate!")), ["a.door", null, "a.gate"]);
});

test("the camera of the address goes first, as soon as it is there", () => {
  assert.deepEqual(shown("a.yard", list("door!"), list("door!", "yard")), ["a.door", "a.yard"]);
});

test("no camera is live: the first, and that stays too", () => {
  assert.deepEqual(shown(null, list("door", "gate"), list("door", "gate!")), ["a.door", "a.door"]);
  assert.equal(chosen({ kind: "loading" }, "a.door", "a.door"), null);
});
