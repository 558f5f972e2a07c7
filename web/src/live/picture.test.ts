import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "../api/backoff.ts";
import { pictureArea } from "./letterbox.ts";
import { caption, colourOf, looksLike, onScreen, placeLabel } from "./overlay.ts";
import { quantile, SlidingWindow } from "./window.ts";
import type { Boxes } from "./wire.ts";

const BOXES: Boxes = { stream: "s", rtp: 1, timeUs: 0, delayMs: 0, place: "edge", engine: "e", model: "m", boxes: [] };

test("a picture lies in the middle of what is wider or higher", () => {
  assert.deepEqual(pictureArea({ width: 200, height: 100 }, { width: 100, height: 100 }), { left: 50, top: 0, width: 100, height: 100 });
  assert.deepEqual(pictureArea({ width: 160, height: 200 }, { width: 1600, height: 900 }), { left: 0, top: 55, width: 160, height: 90 });
  assert.equal(pictureArea({ width: 0, height: 5 }, { width: 1, height: 1 }), null);
});

test("boxes are placed within the picture, on whole device pixels", () => {
  const area = { left: 10, top: 20, width: 100, height: 50 };
  assert.deepEqual(onScreen([0.1, 0.2, 0.5, 0.4], area, 1), { left: 20, top: 30, width: 50, height: 20 });
  assert.deepEqual(onScreen([-0.5, 0.5, 2, 2], area, 1), { left: 10, top: 45, width: 100, height: 25 });
  const { left } = onScreen([0.333, 0, 0.1, 0.1], area, 2);
  assert.equal(left * 2, Math.round(left * 2));
  assert.equal(onScreen([0.5, 0.5, -1, 0.1], area, 1).width, 0, "a rectangle turned inside out is empty");
});

test("a caption says what, how sure, which, and how old where that can be noticed", () => {
  const box = { track: 4, label: "person", score: 0.874, rect: [0, 0, 1, 1] as const };
  assert.equal(caption(box, 0), "person 87 %  #4");
  assert.equal(caption(box, 149), "person 87 %  #4");
  assert.equal(caption(box, 420), "person 87 %  #4  −0.4 s");
});

test("what looks the same is not drawn again, and what does not is", () => {
  const boxes = { kind: "own", boxes: BOXES } as const;
  const held = (ageMs: number) => ({ kind: "held", boxes: BOXES, ageMs }) as const;
  assert.ok(looksLike(boxes, { ...boxes }) && looksLike({ kind: "none" }, { kind: "none" }));
  assert.ok(looksLike(held(33), held(66)), "no age is written yet");
  assert.ok(!looksLike(held(66), held(160)) && !looksLike(held(160), held(260)), "the age is");
  assert.ok(!looksLike(boxes, held(33)) && !looksLike(held(33), { kind: "none" }) && !looksLike({ kind: "none" }, boxes));
  assert.ok(!looksLike(boxes, { kind: "own", boxes: { ...BOXES } }), "boxes of another frame");
});

test("labels are above their boxes where there is room, within the picture, and not over each other", () => {
  const picture = { left: 0, top: 10, width: 200, height: 100 };
  const size = { width: 60, height: 12 };
  const box = { left: 50, top: 50, width: 20, height: 30 };
  const above = placeLabel(box, picture, size, []);
  assert.deepEqual(above, { left: 49, top: 36, ...size });
  const below = placeLabel(box, picture, size, [above]);
  assert.equal(below.top, 82);
  assert.equal(placeLabel(box, picture, size, [above, below]).top, 52, "inside");
  assert.deepEqual(placeLabel({ ...box, top: 12 }, picture, size, []).top, 44, "no room above");
  assert.equal(placeLabel({ ...box, left: 190 }, picture, size, []).left, 140, "no room to the right");
  assert.equal(placeLabel({ left: 0, top: 10, width: 200, height: 100 }, picture, size, []).top, 12, "a box as large as the picture");
});

test("a label keeps its colour", () => {
  assert.equal(colourOf("car"), colourOf("car"));
  assert.notEqual(colourOf("car"), colourOf("person"));
  assert.match(colourOf(""), /^#/);
});

test("quantiles by the nearest rank", () => {
  const values = Array.from({ length: 100 }, (_, n) => n + 1);
  assert.deepEqual([quantile(values, 0.5), quantile(values, 0.95), quantile(values, 1)], [50, 95, 100]);
  assert.equal(quantile([7], 0.95), 7);
});

test("a window forgets by age and by number", () => {
  const window = new SlidingWindow(1000, 10);
  for (let n = 0; n < 30; n += 1) window.push(n, n * 10);
  assert.deepEqual(window.spread(290), { p50: 24, p95: 29, count: 10 });
  assert.ok(Math.abs((window.rate(290) ?? 0) - 100) < 1e-9);
  assert.equal(window.spread(5000), null);
  assert.equal(window.rate(5000), null);
});

test("waits grow, are bounded, and differ between pages", () => {
  assert.deepEqual([backoffMs(0, 0), backoffMs(0, 0.999999)], [250, 500]);
  for (const attempt of [5, 50, 5000]) {
    assert.ok(backoffMs(attempt, 0.999) <= 10_000 && backoffMs(attempt, 0) >= 5000, `${attempt}`);
  }
});
