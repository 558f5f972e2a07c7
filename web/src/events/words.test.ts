import assert from "node:assert/strict";
import { test } from "node:test";
import { capitalised, clockTime, dayOf, duration, percent } from "./words.ts";

test("durations read at a glance", () => {
  const rows = [[-5, "0.0 s"], [0.44, "0.4 s"], [9.96, "10 s"], [59.4, "59 s"], [60, "1 min 00 s"], [185, "3 min 05 s"], [7620, "2 h 07 min"]] as const;
  for (const [seconds, text] of rows) assert.equal(duration(seconds * 1e6), text);
});

test("the day is said where it is not today", () => {
  const now = new Date(2026, 4, 4, 12).getTime();
  assert.equal(dayOf((now - 3_600_000) * 1000, now, "en-GB"), null);
  assert.equal(dayOf(new Date(2026, 4, 3, 23).getTime() * 1000, now, "en-GB"), "3 May");
  assert.equal(dayOf(new Date(2025, 4, 3).getTime() * 1000, now, "en-GB"), "3 May 2025");
});

test("times, shares, labels", () => {
  assert.equal(clockTime(Date.UTC(2026, 0, 1, 0, 5, 9) * 1000, "en-US", "UTC"), "00:05:09");
  assert.deepEqual([percent(0.005), percent(1.2), percent(-1)], ["1 %", "100 %", "0 %"]);
  assert.deepEqual([capitalised("person"), capitalised("")], ["Person", ""]);
});
