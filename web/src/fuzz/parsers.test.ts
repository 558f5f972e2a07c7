/**
 * Whatever comes from the network: it is read as what its type promises, or refused; nothing is thrown.
 *
 * `FUZZ_SEED` begins elsewhere, `FUZZ_CASES` says how many a parser is given.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readFailure } from "../api/client.ts";
import { parseStoredEvent } from "../api/event.ts";
import { explain } from "../api/result.ts";
import { parseCamera } from "../cameras/camera.ts";
import { parseEdge } from "../fleet/edge.ts";
import { parseIncident } from "../incidents/incident.ts";
import { captureUs, rtpOf } from "../live/rtp.ts";
import { parseHubMessage } from "../live/wire.ts";
import { readPlace, writePlace } from "../ui/address.ts";
import * as promised from "./promised.ts";
import { Dice, mutated } from "./mutate.ts";

const SEED = Number(process.env["FUZZ_SEED"] ?? 20_261_129);
const CASES = Number(process.env["FUZZ_CASES"] ?? 4000);

const fixtures = JSON.parse(readFileSync(new URL("../live/wire.fixtures.json", import.meta.url), "utf8")) as { hub: { type: string }[] };
const MESSAGES = fixtures.hub.map((message) => JSON.stringify(message));
const EVENTS = fixtures.hub
  .filter(({ type }) => type === "event")
  .map((message) => JSON.stringify({ ...message, picture_revision: 3, has_crop: true, closed_reason: "its edge was not heard of" }));
const CAMERAS = [
  { stream: "site.door", name: "door", edge: "site", placement: "edge", state: "live", reason: null, codec: "h264", width: 1280, height: 720, interpreted: ["nonce"] },
  { stream: "site.yard", name: "yard", edge: "site", placement: "none", state: "failed", reason: "no route", interpreted: [] },
].map((camera) => JSON.stringify(camera));
const HEALTH = {
  heard_us: 1_790_000_000_000_000, stale: false, uptime_s: 7300, temperature_c: 54.4, disk_free_mb: 54_707, disk_total_mb: 270_553,
  memory_available_mb: 900, resident_mb: 118, memory_max_mb: 256, load: 0.94, clock_plausible: true, outbox_waiting: 3,
  outbox_given_up: 1, outbox_set_aside: 1, unclean_ends: 1, crash_reports: 2,
};
const EDGES = [
  { edge: "north", online: true, agent: "edge-agent 0.1.0", clock_offset_ms: -12.3, health: HEALTH, configuration: { state: "refused", reasons: ["why"] } },
].map((edge) => JSON.stringify(edge));
const INCIDENTS = [
  { id: "00000000-0000-5000-8000-000000000001", edge: "north", time_us: 5, received_us: 6, kind: "unclean_end", message: "it was killed" },
].map((incident) => JSON.stringify(incident));
const REFUSALS = ['{"error":{"kind":"not_playable","message":"the camera sends B-frames"}}', "<html>502 Bad Gateway</html>"];
const PLACES = ["#camera=a.b&mode=live&label=cat&only=camera&until=2026-11-20T14:00Z&event=0196a000-0000-7000-8000-000000000001", "#mode=exact&until=%E0%A4"];

/** Gives `take` broken texts. It returns whether it took one for good; some must be, and some not, or nothing was tried. */
function fuzz(corpus: readonly string[], take: (text: string, dice: Dice) => boolean): void {
  const all = [...MESSAGES, ...EVENTS, ...CAMERAS, ...EDGES, ...INCIDENTS, ...REFUSALS];
  for (const text of corpus) assert.ok(take(text, new Dice(SEED)), `refused as it is: ${text}`);
  let taken = 0;
  for (let seed = SEED; seed < SEED + CASES; seed += 1) {
    const dice = new Dice(seed);
    const text = mutated(dice.pick(corpus), all, dice);
    try {
      if (take(text, dice)) taken += 1;
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed} FUZZ_CASES=1: ${text.slice(0, 2000)}`, { cause: error });
    }
  }
  if (CASES > 1) assert.ok(taken > CASES / 20, `${taken} of ${CASES} were taken`);
  assert.deepEqual(Reflect.ownKeys(Object.prototype).toSorted(byName), KNOWN, "nothing is added to every object");
}

const byName = (a: string | symbol, b: string | symbol): number => String(a).localeCompare(String(b));
const KNOWN = Reflect.ownKeys(Object.prototype).toSorted(byName);

/** A parser of what was JSON already. */
function fuzzJson<T>(corpus: readonly string[], parse: (value: unknown) => T | null, check: (value: T) => void): void {
  fuzz(corpus, (text) => {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return false;
    }
    const read = parse(value);
    if (read !== null) check(read);
    return read !== null;
  });
}

test("a broken message of the hub is refused, or is what its type says", () => {
  fuzz(MESSAGES, (text) => {
    const message = parseHubMessage(text);
    if (message !== null) promised.message(message);
    return message !== null;
  });
});

test("a broken event is refused, or is what its type says", () => fuzzJson(EVENTS, parseStoredEvent, promised.storedEvent));

test("a broken camera is refused, or is what its type says", () => fuzzJson(CAMERAS, parseCamera, promised.camera));

test("a broken edge is refused, or is what its type says", () => fuzzJson(EDGES, parseEdge, promised.edge));

test("a broken incident is refused, or is what its type says", () => fuzzJson(INCIDENTS, parseIncident, promised.incident));

test("a broken refusal is a failure that can be told", () => {
  fuzz(REFUSALS, (text, dice) => {
    const failure = readFailure(dice.pick([400, 404, 409, 429, 500, 502, 503]), text);
    assert.ok(failure.kind === "refused" || failure.kind === "unreachable");
    assert.equal(typeof explain(failure), "string");
    return true;
  });
});

test("a broken address is a place, and the address of that place is the same place", () => {
  fuzz(PLACES, (hash) => {
    const place = readPlace(hash);
    assert.ok(place.mode === "live" || place.mode === "exact");
    assert.ok(place.until === null || Number.isSafeInteger(place.until));
    assert.deepEqual(readPlace(writePlace(place)), place);
    return true;
  });
});

test("every timestamp is of a moment within seven hours of now, and gives itself back", () => {
  for (let seed = SEED; seed < SEED + CASES; seed += 1) {
    const dice = new Dice(seed);
    const [rtp, nowUs] = [dice.below(2 ** 32), dice.below(2 ** 52)];
    const us = captureUs(rtp, nowUs);
    assert.ok(Math.abs(us - nowUs) <= 7 * 3600e6, `FUZZ_SEED=${seed}: ${rtp} at ${nowUs} is ${us}`);
    // The next whole one: of so many microseconds a double keeps half of one.
    assert.equal(rtpOf(Math.floor(us) + 1), rtp, `FUZZ_SEED=${seed}: ${rtp} at ${nowUs}`);
  }
});
