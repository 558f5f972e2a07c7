import assert from "node:assert/strict";
import { test } from "node:test";
import { HubClient } from "../api/client.ts";
import { failed, success } from "../api/result.ts";
import { parseEdge, type Edge } from "./edge.ts";
import { aheadUs, fleet } from "./poll.ts";
import { describeEdge, megabytes, span } from "./words.ts";

const NOW_MS = 2_000_000_000;
const HEALTH = {
  heard_us: (NOW_MS - 5000) * 1000, stale: false, uptime_s: 7300, temperature_c: 54.4, disk_free_mb: 54_707, disk_total_mb: 270_553,
  memory_available_mb: 900, resident_mb: 118, memory_max_mb: 256, load: 0.94, clock_plausible: true,
  outbox_waiting: 3, outbox_given_up: 0, outbox_set_aside: 1, last_run: "killed", unclean_ends: 1, crash_reports: 0,
};
const WIRE = { edge: "north", online: true, agent: "edge-agent 0.1.0", clock_offset_ms: -12.3, health: HEALTH, configuration: { state: "applied" } };

function edge(change: object = {}, health: object = {}): Edge {
  const read = parseEdge({ ...WIRE, health: { ...HEALTH, ...health }, ...change });
  assert.ok(read !== null);
  return read;
}

test("every figure has its unit", () => {
  assert.deepEqual(describeEdge(edge(), NOW_MS), {
    tone: "good",
    words: "Edge is well",
    rows: [
      ["Version", "edge-agent 0.1.0"],
      ["Heard", "5 s ago"],
      ["Up for", "2 h"],
      ["Temperature", "54 °C"],
      ["Disk", "54.7 GB of 270.6 GB free"],
      ["Memory", "900 MB available"],
      ["Its own memory", "118 MB of at most 256 MB"],
      ["Load", "0.9 processes"],
      ["Clock", "12 ms behind the hub’s"],
      ["Outbox", "3 records waiting, 1 set aside"],
      ["Unclean ends", "1"],
      ["Cameras", "set from afar"],
    ],
  });
});

test("how far an edge's clock is off is known to the second", () => {
  const edges = fleet(new Map(), success([edge({ clock_offset_ms: 300_400 })]));
  assert.equal(aheadUs(edges, "north.door"), 300_000_000);
  assert.equal(aheadUs(edges, "south.door"), 0);
});

test("what matters most is said first", () => {
  const rows = [
    [edge({ online: false }), "off", "Edge is offline"],
    [edge({ configuration: { state: "refused" } }), "bad", "New cameras refused"],
    [edge({ configuration: { state: "rolled_back" } }), "bad", "New cameras cut it off"],
    [edge({ health: undefined }), "off", "Edge has not said how it is"],
    [edge({}, { stale: true }), "off", "Edge last heard 5 s ago"],
    [edge({}, { clock_plausible: false }), "bad", "Edge has no date"],
    [edge({}, { outbox_given_up: 1 }), "bad", "Edge gave up 1 record"],
    [edge({}, { disk_free_mb: 9000 }), "bad", "Edge’s disk is nearly full"],
    [edge({}, { temperature_c: 84.6 }), "bad", "Edge is hot: 85 °C"],
    [edge({ configuration: { state: "pending" } }), "busy", "New cameras on their way"],
  ] as const;
  for (const [of, tone, words] of rows) {
    const said = describeEdge(of, NOW_MS);
    assert.deepEqual([said.tone, said.words], [tone, words]);
  }
});

test("reasons of a refusal are shown, and what a machine does not tell is not", () => {
  const reasons = ["camera[0].rate: expected at most 30", "camera[1].url: missing"];
  const bare = { edge: "north", online: true, configuration: { state: "refused", reasons: [...reasons, 7] } };
  const read = parseEdge(bare);
  assert.ok(read !== null);
  const { rows } = describeEdge(read, NOW_MS);
  assert.deepEqual(rows, [["Cameras", "as before: the new ones have faults"], ...reasons.map((reason) => ["", reason])]);
  assert.deepEqual(describeEdge(edge({ configuration: { state: "sung_to" } }), NOW_MS).rows.at(-1), ["Cameras", "sung to"]);
});

test("an edge of a hub from before there was health is read, and what is none is left out", async () => {
  assert.equal(parseEdge({ edge: "north", online: true })?.health, null);
  for (const broken of [null, [], { edge: 7, online: true }, { edge: "north" }]) assert.equal(parseEdge(broken), null);
  const answer = (): Promise<Response> => Promise.resolve(new Response(JSON.stringify({ edges: [WIRE, { edge: 7 }] })));
  const hub = new HubClient("secret", () => undefined, answer);
  assert.deepEqual(await hub.edges(), { kind: "success", value: [edge()] });
});

test("spans and sizes", () => {
  assert.deepEqual([-5, 59.9, 60, 3599, 3600, 172_799, 172_800].map(span), ["0 s", "59 s", "1 min", "59 min", "1 h", "47 h", "2 days"]);
  assert.deepEqual([0.4, 999, 1000, 24_536].map(megabytes), ["0 MB", "999 MB", "1.0 GB", "24.5 GB"]);
});

test("the last answer stays while the hub gives none", () => {
  const gone = failed({ kind: "unreachable", message: "gone" });
  assert.equal(fleet(new Map(), gone).size, 0);
  const known = fleet(new Map([["south", edge()]]), success([edge()]));
  assert.deepEqual(known, new Map([["north", edge()]]));
  assert.equal(fleet(known, gone), known);
});
