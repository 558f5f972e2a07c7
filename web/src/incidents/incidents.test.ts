import assert from "node:assert/strict";
import { test } from "node:test";
import { HubClient } from "../api/client.ts";
import type { Result } from "../api/result.ts";
import { parseIncident, type Incident } from "./incident.ts";
import { IncidentPoll } from "./poll.ts";
import { heading } from "./words.ts";

const WIRE = { id: "00000000-0000-5000-8000-000000000001", edge: "north", time_us: 5, kind: "unclean_end", message: "it was killed" };
const READ: Incident = { id: WIRE.id, edge: "north", timeUs: 5, kind: "unclean_end", message: "it was killed" };

test("an incident is read, of a later edge too, and what is none is left out", () => {
  assert.deepEqual(parseIncident({ ...WIRE, outbox: "x", sequence: 1 }), READ);
  assert.deepEqual(parseIncident({ ...WIRE, kind: "sang" }), { ...READ, kind: "sang" });
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

test("the last incidents stay while the hub gives no answer", async () => {
  const gone: Result<readonly Incident[]> = { kind: "error", failure: { kind: "unreachable", message: "gone" } };
  const answers: Result<readonly Incident[]>[] = [gone, { kind: "success", value: [READ] }, gone];
  let asked = 0;
  let done = (): void => undefined;
  const all = new Promise<void>((resolve) => (done = resolve));
  const poll = new IncidentPoll({ incidents: () => {
    const answer = answers[asked++];
    if (answer === undefined) done();
    return Promise.resolve(answer ?? gone);
  } }, 1);
  assert.deepEqual(poll.state.get(), []);
  await all;
  assert.deepEqual(poll.state.get(), [READ]);
  poll.stop();
  const before = asked;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(asked, before, "nobody asks after the end");
});
