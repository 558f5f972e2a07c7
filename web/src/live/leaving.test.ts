import assert from "node:assert/strict";
import { test } from "node:test";
import { whileHere } from "./leaving.ts";

test("what is left is left, and what the browser brings back begins again", () => {
  const page = new EventTarget();
  const seen: string[] = [];
  const stop = whileHere(
    () => seen.push("left"),
    () => seen.push("back"),
    page,
  );
  const shown = (persisted: boolean): Event => Object.assign(new Event("pageshow"), { persisted });
  page.dispatchEvent(shown(false)); // The first, with the page itself.
  page.dispatchEvent(new Event("pagehide"));
  page.dispatchEvent(shown(true));
  assert.deepEqual(seen, ["left", "back"]);
  stop();
  page.dispatchEvent(new Event("pagehide"));
  page.dispatchEvent(shown(true));
  assert.equal(seen.length, 2);
});
