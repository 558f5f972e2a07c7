import assert from "node:assert/strict";
import { test } from "node:test";
import { failed, success } from "../api/result.ts";
import { parseCamera, type Camera } from "./camera.ts";
import { camerasState } from "./poll.ts";
import { describeCamera, describeInterpreted, describePlacement, describeVideo, namesOf } from "./words.ts";

const GONE = failed({ kind: "unreachable", message: "gone" });

function camera(edge: string, name: string): Camera {
  const parsed = parseCamera({ stream: `${edge}.${name}`, edge, name, edge_online: true, placement: "edge", state: "live" });
  assert.ok(parsed !== null);
  return parsed;
}

test("a state and a placement of a later hub are shown as they came, and what is no camera is left out", () => {
  const door = { ...camera("a", "door"), state: "asleep", placement: "both_sides" };
  assert.deepEqual(describeCamera(door), { tone: "off", words: "Asleep", detail: null });
  assert.equal(describePlacement(door.placement), "Both sides");
  for (const broken of [null, "door", {}, { ...door, edge: undefined }, { ...door, state: 7 }]) assert.equal(parseCamera(broken), null);
  assert.deepEqual(parseCamera({ ...door, width: "wide", interpreted: ["nonce", 4] }), { ...door, interpreted: ["nonce"] });
});

test("cameras stay in their order, and stay while the hub gives no answer", () => {
  const failing = camerasState({ kind: "loading" }, GONE);
  assert.deepEqual(failing, { kind: "failed", message: "gone" });
  const ready = camerasState(failing, success([camera("b", "a"), camera("a", "z"), camera("a", "b")]));
  assert.ok(ready.kind === "ready" && ready.stale === null);
  assert.deepEqual(ready.cameras.map(({ stream }) => stream), ["a.b", "a.z", "b.a"]);
  const stale = camerasState(ready, GONE);
  assert.deepEqual(stale, { ...ready, stale: "gone" });
  assert.deepEqual(camerasState(stale, success(ready.cameras)), ready);
});

test("where two sites have a camera of one name, events say which", () => {
  const names = namesOf([camera("a", "door"), camera("a", "yard"), camera("b", "door")]);
  assert.deepEqual([...names.values()], ["door (a)", "yard", "door (b)"]);
});

test("a live camera that nobody looks at is not shown as well, and says why", () => {
  const door = { ...camera("a", "door"), reason: "nobody looks at it: the detector fails at each picture" };
  const detail = "Nobody looks at it: the detector fails at each picture.";
  assert.deepEqual(describeCamera(door), { tone: "bad", words: "Not analysed", detail });
  assert.deepEqual(describeCamera(camera("a", "yard")), { tone: "good", words: "Live", detail: null });
});

test("what is put right of a camera is said, whatever the version of its edge", () => {
  assert.equal(describeInterpreted(camera("a", "of before")), null);
  assert.equal(describeInterpreted({ ...camera("a", "door"), interpreted: [] }), null);
  const door = { ...camera("a", "door"), interpreted: ["rtp_info", "a_later_fault"] };
  assert.equal(describeInterpreted(door), "RTP-Info, a later fault");
});

test("a word that JavaScript has a meaning for is shown as it came, not as a piece of program", () => {
  const door = { ...camera("a", "door"), interpreted: ["constructor", "valueOf"], codec: "constructor" };
  assert.deepEqual([describeInterpreted(door), describeVideo(door)], ["constructor, valueOf", "constructor"]);
});
