import assert from "node:assert/strict";
import { test } from "node:test";
import { HubClient } from "./client.ts";
import { hubClock } from "./clock.ts";

const answered = async (hubMs: number): Promise<void> => {
  const headers = { date: new Date(hubMs).toUTCString() };
  await new HubClient("t", () => {}, async () => new Response('{"version":"1"}', { headers })).session();
};

test("a tablet ten minutes slow goes by the hub's clock, one that is right by its own to the millisecond", async () => {
  await answered(Date.now() + 600_000);
  assert.ok(Math.abs(hubClock.at(0) - 600_000) < 2000, `${hubClock.at(0)}`);
  await answered(Date.now() + 1000);
  assert.equal(hubClock.at(123), 123);
});

test("an answer without a date, or with a broken one, changes nothing", () => {
  hubClock.heard("Sun, 06 Nov 1994 08:49:37 GMT", 0);
  const before = hubClock.at(0);
  for (const date of [null, "", "soon"]) hubClock.heard(date, 7);
  assert.equal(hubClock.at(0), before);
});
