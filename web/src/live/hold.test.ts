import assert from "node:assert/strict";
import { test } from "node:test";
import { Hold } from "./hold.ts";

test("a frame is shown when it is due and not before", () => {
  const hold = new Hold<string>(8);
  hold.put("a", 100, 0);
  assert.deepEqual(hold.take(99), { show: null, skip: [] });
  assert.deepEqual(hold.take(100), { show: "a", skip: [] });
  assert.deepEqual(hold.take(200), { show: null, skip: [] });
});

test("of several that are due the newest is shown", () => {
  const hold = new Hold<string>(8);
  for (const [frame, due] of [["a", 10], ["b", 20], ["c", 90]] as const) hold.put(frame, due, 0);
  assert.deepEqual(hold.take(50), { show: "b", skip: ["a"] });
  assert.equal(hold.size, 1);
});

test("a delay that shrinks does not turn the order round", () => {
  const hold = new Hold<string>(8);
  hold.put("a", 300, 0);
  hold.put("b", 100, 33);
  assert.equal(hold.take(200).show, null);
  assert.equal(hold.take(300).show, "b");
});

test("no more wait than there is room for, and none for ever", () => {
  const hold = new Hold<number>(2);
  for (const frame of [1, 2, 3]) hold.put(frame, 900, 0);
  assert.deepEqual(hold.take(0), { show: 1, skip: [] });
  hold.clear();
  hold.put(4, 1e12, 0);
  assert.equal(hold.take(1000).show, 4);
});

test("what is given back is given back once", () => {
  const hold = new Hold<string>(8);
  hold.put("a", 10, 0);
  assert.deepEqual(hold.clear(), ["a"]);
  assert.deepEqual(hold.clear(), []);
});
