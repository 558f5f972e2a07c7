import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { HIDDEN_MS, whileHere, type Sight } from "./leaving.ts";

class Tab extends EventTarget implements Sight {
  hidden = false;
  pictureInPictureElement: Element | null = null;

  hide(hidden: boolean): void {
    this.hidden = hidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }

  float(element: Element | null): void {
    this.pictureInPictureElement = element;
    this.dispatchEvent(new Event(element === null ? "leavepictureinpicture" : "enterpictureinpicture"));
  }
}

function begin(t: TestContext, tab = new Tab()) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const page = new EventTarget();
  const seen: string[] = [];
  const stop = whileHere(
    () => seen.push("left"),
    () => seen.push("back"),
    page,
    tab,
  );
  const shown = (persisted: boolean): Event => Object.assign(new Event("pageshow"), { persisted });
  return { tab, page, seen, stop, shown, pass: (ms: number) => t.mock.timers.tick(ms) };
}
const VIDEO = {} as Element;

test("what is left is left, and what the browser brings back begins again", (t) => {
  const { page, seen, stop, shown } = begin(t);
  page.dispatchEvent(shown(false)); // The first, with the page itself.
  page.dispatchEvent(new Event("pagehide"));
  page.dispatchEvent(shown(true));
  assert.deepEqual(seen, ["left", "back"]);
  stop();
  page.dispatchEvent(new Event("pagehide"));
  page.dispatchEvent(shown(true));
  assert.equal(seen.length, 2);
});

test("a forgotten tab is left after a minute, and comes back in the moment in which it is seen again", (t) => {
  const { tab, seen, pass } = begin(t);
  tab.hide(true);
  pass(HIDDEN_MS - 1);
  assert.deepEqual(seen, []);
  pass(1);
  assert.deepEqual(seen, ["left"]);
  pass(10 * HIDDEN_MS);
  tab.hide(false);
  assert.deepEqual(seen, ["left", "back"]);
  tab.hide(true);
  pass(HIDDEN_MS);
  assert.deepEqual(seen, ["left", "back", "left"]);
});

test("who looks into other tabs again and again leaves none, and minutes do not add up", (t) => {
  const { tab, seen, stop, pass } = begin(t);
  for (let n = 0; n < 5; n += 1) {
    tab.hide(true);
    pass(HIDDEN_MS - 1);
    tab.hide(false);
    pass(1000);
  }
  tab.hide(true);
  stop();
  pass(HIDDEN_MS);
  assert.deepEqual(seen, []);
});

test("a page that was opened in the background is left as well", (t) => {
  const tab = new Tab();
  tab.hidden = true;
  const { seen, pass } = begin(t, tab);
  pass(HIDDEN_MS);
  assert.deepEqual(seen, ["left"]);
});

test("a picture that floats above other windows is seen", (t) => {
  const { tab, seen, pass } = begin(t);
  tab.float(VIDEO);
  tab.hide(true);
  pass(2 * HIDDEN_MS);
  assert.deepEqual(seen, []);
  tab.float(null);
  pass(HIDDEN_MS);
  assert.deepEqual(seen, ["left"]);
  tab.float(VIDEO);
  assert.deepEqual(seen, ["left", "back"]);
});

test("what is hidden and then left is left once, and what comes back hidden waits until it is seen", (t) => {
  const { tab, page, seen, shown, pass } = begin(t);
  tab.hide(true);
  page.dispatchEvent(new Event("pagehide"));
  pass(HIDDEN_MS);
  page.dispatchEvent(shown(true));
  assert.deepEqual(seen, ["left"]);
  tab.hide(false);
  assert.deepEqual(seen, ["left", "back"]);
});
