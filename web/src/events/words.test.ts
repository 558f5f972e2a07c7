import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStoredEvent } from "../api/event.ts";
import { parseWhy } from "../api/why.ts";
import { capitalised, clockTime, dayOf, duration, ending, fileName, fullTime, percent, reason } from "./words.ts";

test("durations read at a glance", () => {
  const rows = [[-5, "0.0 s"], [0.44, "0.4 s"], [9.96, "10 s"], [59.4, "59 s"], [60, "1 min 00 s"], [185, "3 min 05 s"], [7620, "2 h 07 min"]] as const;
  for (const [seconds, text] of rows) assert.equal(duration(seconds * 1e6), text);
});

test("an event that the hub closed for an edge that never came back is not said to have lasted until its best view", () => {
  const row = { id: "e", stream: "a.b", phase: "closed", revision: 4, label: "cat", track: 1, score: 0.5, box: [0, 0, 1, 1], ...{ place: "edge", engine: "e", model: "m" } };
  const said = (rest: object, silent = false) => {
    const event = parseStoredEvent({ ...row, opened_us: 1_000_000, best_us: 2_200_000, ...rest });
    return event && ending(event, silent);
  };
  const why = "nothing was heard of its edge for 7 days";
  assert.deepEqual(said({ closed_us: 2_200_000, closed_reason: why }), { name: "End", words: "not known", why });
  assert.deepEqual(said({ closed_us: 2_200_000, closed_reason: null }), { name: "Lasted", words: "1.2 s", why: null });
  assert.equal(said({}), null);
  assert.equal(said({}, true)?.words, "not heard of", "nor to go on while nothing is heard of its edge");
  assert.equal(said({ closed_us: 2_200_000 }, true)?.words, "1.2 s");
});

test("the day is said where it is not today", () => {
  const now = new Date(2026, 4, 4, 12).getTime();
  assert.equal(dayOf((now - 3_600_000) * 1000, now, "en-GB"), null);
  assert.equal(dayOf(new Date(2026, 4, 3, 23).getTime() * 1000, now, "en-GB"), "3 May");
  assert.equal(dayOf(new Date(2025, 4, 3).getTime() * 1000, now, "en-GB"), "3 May 2025");
});

test("a saved picture says what it is of, in a name that every file system takes", () => {
  const event = { stream: "site-1.door", label: "a/b: “person”", bestUs: Date.UTC(2026, 0, 1, 0, 5, 9, 250) * 1000 };
  assert.equal(fileName(event, "picture"), "site-1.door a_b_ _person_ 2026-01-01T00-05-09Z.jpg");
  assert.equal(fileName({ ...event, label: "löwe" }, "crop"), "site-1.door löwe 2026-01-01T00-05-09Z close-up.jpg");
});

test("times, shares, labels", () => {
  assert.equal(clockTime(Date.UTC(2026, 0, 1, 0, 5, 9) * 1000, "en-US", "UTC"), "00:05:09");
  assert.match(fullTime(Date.UTC(2026, 0, 1, 0, 5, 9) * 1000, "en-GB", "UTC"), /1 January 2026.*00:05:09 UTC/);
  assert.deepEqual([percent(0.005), percent(1.2), percent(-1)], ["1 %", "100 %", "0 %"]);
  assert.deepEqual([capitalised("person"), capitalised("")], ["Person", ""]);
});

test("a rule's reason reads at a glance, and one that is not known is left out", () => {
  const rows = [
    [{ kind: "inside", zone: "drive" }, "in drive"],
    [{ kind: "stayed", zone: "drive", seconds: 185.2 }, "in drive for 3 min 05 s"],
    [{ kind: "stayed", seconds: 60 }, "stayed 1 min 00 s"],
    [{ kind: "crossed", line: "gate", direction: "in" }, "crossed gate, in"],
    [{ kind: "over", zone: "queue", count: 5, limit: 4 }, "5 in queue, at most 4 expected"],
    [{ kind: "under", count: 0, limit: 1 }, "0, at least 1 expected"],
    [{ kind: "seen" }, null],
    [{ kind: "sang", zone: "choir" }, null],
    [{ kind: "inside" }, null],
    [{ kind: "over", count: "many", limit: 4 }, null],
    [undefined, null],
  ] as const;
  for (const [why, text] of rows) assert.equal(reason(parseWhy(why)), text);
});
