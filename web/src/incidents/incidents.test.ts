import assert from "node:assert/strict";
import { test } from "node:test";
import { HubClient } from "../api/client.ts";
import { failed, success } from "../api/result.ts";
import { parseIncident, type Incident } from "./incident.ts";
import { incidents } from "./poll.ts";
import { heading, times } from "./words.ts";

const WIRE = { id: "00000000-0000-5000-8000-000000000001", edge: "north", time_us: 5, received_us: 6, kind: "unclean_end", message: "it was killed" };
const READ: Incident = { id: WIRE.id, edge: "north", timeUs: 5, receivedUs: 6, kind: "unclean_end", message: "it was killed" };

test("an incident is read, of a later edge too, and what is none is left out", () => {
  assert.deepEqual(parseIncident({ ...WIRE, outbox: "x", sequence: 1 }), READ);
  assert.deepEqual(parseIncident({ ...WIRE, kind: "sang" }), { ...READ, kind: "sang" });
  assert.deepEqual(parseIncident({ ...WIRE, received_us: null }), { ...READ, receivedUs: null });
  for (const broken of [null, [], { ...WIRE, edge: 1 }, { ...WIRE, time_us: "now" }, { ...WIRE, message: undefined }]) {
    assert.equal(parseIncident(broken), null);
  }
});

test("one that can't be read does not hide the others", async () => {
  const answer = (): Promise<Response> => Promise.resolve(new Response(JSON.stringify({ incidents: [WIRE, { id: "broken" }] })));
  let asked = "";
  const hub = new HubClient("secret", () => undefined, (url) => {
    asked = String(url);
    return answer();
  });
  assert.deepEqual(await hub.incidents(7), { kind: "success", value: [READ] });
  assert.equal(asked, "/api/v1/incidents?limit=7");
});

test("every kind has a heading, and one that is not known is its word", () => {
  const rows = [["unclean_end", "It ended unexpectedly"], ["ran_away", "Ran away"], ["toString", "ToString"], ["", ""]] as const;
  for (const [kind, text] of rows) assert.equal(heading(kind), text);
});

test("the last incidents stay while the hub gives no answer", () => {
  const gone = failed({ kind: "unreachable", message: "gone" });
  assert.deepEqual(incidents([], gone), []);
  assert.deepEqual(incidents([], success([READ])), [READ]);
  assert.deepEqual(incidents([READ], gone), [READ]);
});

test("an incident has its place by the hub's clock, and the edge's is told where it is another time", () => {
  const receivedUs = 1_790_000_000_000_000;
  const rows = [
    [receivedUs - 59_000_000, receivedUs, null],
    [receivedUs + 59_000_000, receivedUs, null],
    [receivedUs - 60_000_000, receivedUs, receivedUs - 60_000_000],
    [0, receivedUs, 0],
    [receivedUs + 1e15, receivedUs, receivedUs + 1e15],
  ] as const;
  for (const [timeUs, shownUs, byEdgeUs] of rows) assert.deepEqual(times({ ...READ, timeUs, receivedUs }), { shownUs, byEdgeUs });
  assert.deepEqual(times({ ...READ, receivedUs: null }), { shownUs: READ.timeUs, byEdgeUs: null }, "of a hub of before");
});
