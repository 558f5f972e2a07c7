import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { AddressBar } from "./addressBar.ts";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** A browser that refuses the write after the first `most` within `spanMs`, and counts how often it did. */
function browser(most: number, spanMs: number) {
  const shown = { hash: "", refused: 0 };
  let now = 0;
  let [began, writes] = [0, 0];
  const bar = new AddressBar((hash) => {
    if (now - began > spanMs) [began, writes] = [now, 0];
    if (writes >= most) {
      shown.refused += 1;
      throw new DOMException("Attempt to use history.replaceState() more than 100 times per 30 seconds", "SecurityError");
    }
    writes += 1;
    shown.hash = hash;
  });
  const pass = (ms: number): void => {
    now += ms;
    mock.timers.tick(ms);
  };
  return { bar, shown, pass };
}

test("an arrow key that is held for minutes does not have the page fail, and the address is of the last event", () => {
  const { bar, shown, pass } = browser(100, 30_000);
  for (let step = 0; step < 6000; step += 1) {
    bar.write(`#event=${step}`);
    pass(33);
  }
  pass(1000);
  assert.deepEqual(shown, { hash: "#event=5999", refused: 0 });
});

test("a browser that was asked too often is asked again, until the last place is written", () => {
  const { bar, shown, pass } = browser(1, 5000);
  bar.write("#event=1");
  bar.write("#event=2");
  pass(350);
  assert.deepEqual(shown, { hash: "#event=1", refused: 1 });
  for (let rests = 0; rests < 20; rests += 1) pass(350);
  assert.equal(shown.hash, "#event=2");
});

test("one step is in the address at once, and what is no refusal is not swallowed", () => {
  const { bar, shown } = browser(100, 30_000);
  bar.write("#event=1");
  assert.equal(shown.hash, "#event=1");
  const broken = new AddressBar(() => {
    throw new DOMException("the state can't be cloned", "DataCloneError");
  });
  assert.throws(() => broken.write("#event=1"), { name: "DataCloneError" });
});
