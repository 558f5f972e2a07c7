import assert from "node:assert/strict";
import { test } from "node:test";
import { cropAround } from "./crop.ts";

const close = (a: readonly number[], b: readonly number[]): void => {
  assert.ok(a.length === b.length && a.every((value, n) => Math.abs(value - (b[n] ?? Number.NaN)) < 1e-9), `${a.join()} is not ${b.join()}`);
};

test("the thing is in the middle, with some of what is around it", () => {
  close(cropAround([0.4, 0.3, 0.1, 0.2], 4 / 3, 4 / 3), [0.28, 0.23, 0.34, 0.34]);
});

test("a part never leaves the picture, and has the frame's shape", () => {
  for (const picture of [16 / 9, 4 / 3, 9 / 16]) {
    for (const box of [[0, 0, 0.1, 0.1], [0.9, 0.9, 0.1, 0.1], [0.2, 0, 0.6, 1], [0, 0.4, 1, 0.1], [0, 0, 1, 1]] as const) {
      const [x, y, width, height] = cropAround(box, picture, 4 / 3);
      assert.ok(x >= 0 && y >= 0 && x + width <= 1 + 1e-9 && y + height <= 1 + 1e-9, `${box.join()} of ${picture}`);
      assert.ok(Math.abs((width * picture) / height - 4 / 3) < 1e-9);
    }
  }
});

test("a small thing keeps its surroundings", () => {
  const [, , , height] = cropAround([0.5, 0.5, 0.01, 0.02], 4 / 3, 4 / 3);
  assert.equal(height, 0.3);
});
