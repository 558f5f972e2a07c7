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
  hubClock.heard("Sun, 06 Nov 1994 08:49:37 GMT", 0, 0);
  const before = hubClock.at(0);
  for (const date of [null, "", "soon"]) hubClock.heard(date, 7, 7);
  assert.equal(hubClock.at(0), before);
});

/** How far ahead the hub's clock is taken to be, after each of its answers: one every 2 s, of which some take so long. */
function taken(aheadMs: number, tookMs: (answer: number) => number): number[] {
  return Array.from({ length: 300 }, (_, n) => {
    const asked = 1_800_000_000_000 + 2037 * n;
    const now = asked + tookMs(n);
    // The head is written at once, and comes late.
    hubClock.heard(new Date(asked + 10 + aheadMs).toUTCString(), asked, now);
    return hubClock.at(0);
  });
}

test("times don't jump to and fro on a computer that is five seconds off, nor on any other, over a thin line too", () => {
  for (const ahead of [0, 700, 1500, 1900, 2400, 5000, -5000, 61_234]) {
    taken(3_600_000, () => 20);
    const fast = taken(ahead, () => 20);
    const thin = taken(ahead, (n) => (n % 7 === 0 ? 6000 : 80));
    // The first answers may still move it: they narrow it down.
    assert.equal(new Set([...fast.slice(30), ...thin]).size, 1, `${ahead}: ${[...new Set([...fast, ...thin])]}`);
    assert.ok(Math.abs(fast.at(-1)! - ahead) <= 2000, `${ahead}: ${fast.at(-1)}`);
  }
});

test("a line over which each answer takes six seconds tells a tablet's wrong clock, and the first fast one tells it well", () => {
  taken(0, () => 20);
  const slow = taken(600_000, () => 6000);
  assert.ok(Math.abs(slow.at(-1)! - 600_000) <= 4500, `${slow.at(-1)}`);
  const fast = taken(600_000, () => 20);
  assert.ok(Math.abs(fast.at(-1)! - 600_000) <= 2000, `${fast.at(-1)}`);
});
