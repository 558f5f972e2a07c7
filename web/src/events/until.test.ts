import assert from "node:assert/strict";
import { test } from "node:test";
import { passes, queryOf } from "./filter.ts";
import { beyond, fieldOf, idAfter, isOneMinute, minuteOf, readField, readUntil, writeUntil } from "./until.ts";

const TWO = Date.parse("2026-11-20T14:00:00Z");
/** As edges make them (`event_id` in shared/vision): 48 bits of time, version 7, the rest by chance. */
const idAt = (ms: number, rest = "7abc-9def-0123456789ab"): string => {
  const time = ms.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-${rest}`;
};

test("what began within the minute is there, to its last millisecond, and nothing of the next", () => {
  const until = { stream: null, label: null, until: TWO };
  const has = (ms: number, rest?: string): boolean => passes(until, { id: idAt(ms, rest), stream: "a.b", label: "cat" });
  assert.deepEqual([has(TWO), has(TWO + 59_999, "7fff-bfff-ffffffffffff"), has(0)], [true, true, true]);
  assert.deepEqual([has(TWO + 60_000, "7000-8000-000000000000"), has(TWO + 86_400_000)], [false, false]);
  assert.deepEqual(queryOf(until), { before: idAfter(TWO) });
});

test("the id that is asked before is one that the hub takes: a UUID of version 7", () => {
  for (const ms of [0, TWO, 2 ** 48 - 60_000 - 1]) assert.match(idAfter(ms), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("a moment in the address is the same everywhere, one without a zone is the browser's own", () => {
  assert.equal(writeUntil(TWO), "2026-11-20T14:00Z");
  assert.equal(readUntil(writeUntil(TWO)), TWO);
  assert.equal(readUntil("2026-11-20T14:00:59Z"), TWO, "whole minutes");
  for (const local of ["2026-11-20T14:00", "2026-07-01T00:30"]) assert.equal(fieldOf(readUntil(local) ?? Number.NaN), local);
});

test("what is no moment is none", () => {
  for (const text of ["", "yesterday", "2026-11-20", "2026-99-20T14:00Z", "1969-12-31T23:59Z", "-1", "2026-11-20T14:00 01:00"]) {
    assert.equal(readUntil(text), null, text);
  }
});

test("the list can go on from its last event", () => {
  assert.equal(minuteOf(idAt(TWO + 31_007)), TWO);
});

test("a list that is full of one minute goes on with the minute before, and not with itself for ever", () => {
  const last = idAt(TWO + 31_007);
  assert.deepEqual([null, TWO + 60_000].map((until) => [beyond(until, last), isOneMinute(until, last)]), [[TWO, false], [TWO, false]]);
  assert.deepEqual([beyond(TWO, last), isOneMinute(TWO, last)], [TWO - 60_000, true]);
  assert.equal(beyond(0, idAt(5)), 0, "there is none before");
});

test("a date that is shown and not changed stays, also in the hour that comes twice when summer time ends", () => {
  const zone = process.env["TZ"];
  process.env["TZ"] = "Europe/Berlin";
  try {
    const [summer, winter] = ["2026-10-25T00:30Z", "2026-10-25T01:30Z"].map((text) => Date.parse(text));
    assert.equal(fieldOf(summer!), fieldOf(winter!), "the zone is not Berlin's");
    for (const ms of [summer!, winter!]) assert.equal(readField(fieldOf(ms), ms + 31_007), ms);
    assert.equal(readField("2026-10-25T12:00", winter!), Date.parse("2026-10-25T11:00Z"));
  } finally {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  }
});
