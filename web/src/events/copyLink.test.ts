import assert from "node:assert/strict";
import { test } from "node:test";
import { saidOf } from "./CopyLink.tsx";

test("“Copied” is not said of the next event, to which one steps before it has gone", () => {
  assert.equal(saidOf({ id: "a", kind: "copied" }, "a"), "Copied");
  assert.equal(saidOf({ id: "a", kind: "refused" }, "a"), "The browser does not allow it");
  assert.deepEqual([saidOf({ id: "a", kind: "copied" }, "b"), saidOf(null, "b")], ["", ""]);
});
