/** What the types of what was read promise, beyond what TypeScript says of them; and that it can be shown. */
import assert from "node:assert/strict";
import type { EventState, StoredEvent } from "../api/event.ts";
import type { Rect } from "../api/json.ts";
import type { Why } from "../api/why.ts";
import type { Camera } from "../cameras/camera.ts";
import { describeCamera, describeInterpreted, describePlacement, describeVideo } from "../cameras/words.ts";
import { ending, fileName, percent, reason } from "../events/words.ts";
import type { Edge } from "../fleet/edge.ts";
import { describeEdge } from "../fleet/words.ts";
import type { Incident } from "../incidents/incident.ts";
import { heading, times } from "../incidents/words.ts";
import { BoxShelf } from "../live/boxes.ts";
import { StreamClock } from "../live/clock.ts";
import { caption, colourOf, onScreen } from "../live/overlay.ts";
import type { Boxes, HubMessage } from "../live/wire.ts";

const AREA = { left: 10, top: 20, width: 640, height: 360 };

export function message(read: HubMessage): void {
  switch (read.type) {
    case "boxes":
      return boxes(read.boxes);
    case "event":
      return event(read.event);
    case "picture":
      text(read.event);
      u32(read.revision);
      return assert.equal(typeof read.hasCrop, "boolean");
    case "clock": {
      u32(read.id);
      whole(read.streamUs);
      const clock = new StreamClock();
      assert.equal(clock.answer(clock.ask(5), read.streamUs, 25), "kept");
      return finite(clock.streamUs(30));
    }
    case "mode":
      one(read.mode, ["live", "exact"]);
      u32(read.delayMs);
      return u32(read.holdMs);
    case "error":
      return text(read.reason);
    case "resync":
      return;
    default:
      assert.fail(`a kind that nobody knows: ${JSON.stringify(read)}`);
  }
}

function boxes(read: Boxes): void {
  for (const word of [read.stream, read.engine, read.model]) text(word);
  u32(read.rtp);
  whole(read.timeUs);
  finite(read.delayMs);
  one(read.place, ["edge", "hub"]);
  for (const box of read.boxes) {
    assert.ok(Number.isSafeInteger(box.track) && box.track >= 0, `track ${box.track}`);
    text(box.label);
    finite(box.score);
    rect(box.rect);
    text(caption(box, 200));
    text(colourOf(box.label));
  }
  const shelf = new BoxShelf();
  shelf.put(read);
  assert.deepEqual(shelf.on(read.rtp), { kind: "own", boxes: read });
}

export function event(read: EventState): void {
  inAddress(read.id);
  inAddress(read.stream);
  one(read.phase, ["opened", "updated", "closed"]);
  u32(read.revision);
  for (const word of [read.label, read.engine, read.model]) text(word);
  assert.ok(Number.isSafeInteger(read.track) && read.track >= 0, `track ${read.track}`);
  finite(read.score);
  rect(read.box);
  for (const us of [read.openedUs, read.bestUs, read.closedUs ?? 0]) whole(us);
  for (const word of [read.rule, read.closedReason]) text(word ?? "");
  one(read.place, ["edge", "hub"]);
  if (read.why !== null) why(read.why);
  text(ending(read, false)?.words ?? "");
  text(percent(read.score));
  assert.match(fileName(read, "crop"), /^[\p{L}\p{N} ._-]+\.jpg$/u);
}

function why(read: Why): void {
  one(read.kind, ["seen", "inside", "stayed", "crossed", "over", "under"]);
  if (read.kind === "stayed") finite(read.seconds);
  if (read.kind === "over" || read.kind === "under") [read.count, read.limit].forEach(whole);
  assert.doesNotMatch(reason(read) ?? "", /undefined|null|NaN|object/);
}

export function storedEvent(read: StoredEvent): void {
  event(read);
  if (read.picture === null) return;
  u32(read.picture.revision);
  assert.equal(typeof read.picture.hasCrop, "boolean");
}

export function camera(read: Camera): void {
  inAddress(read.stream);
  for (const word of [read.name, read.edge, read.state, read.placement, read.reason ?? "", read.codec ?? "", ...read.interpreted]) text(word);
  for (const pixels of [read.width, read.height]) whole(pixels ?? 0);
  const { words, detail } = describeCamera(read);
  for (const said of [words, detail ?? "", describePlacement(read.placement), describeInterpreted(read) ?? "", describeVideo(read) ?? ""]) shown(said);
}

export function edge(read: Edge): void {
  const { health, configuration } = read;
  for (const word of [read.edge, read.agent ?? "", configuration.state ?? "", ...configuration.reasons]) text(word);
  for (const flag of [read.online, health?.stale ?? false, health?.clockPlausible ?? false]) assert.equal(typeof flag, "boolean");
  for (const figure of [read.clockOffsetMs, ...Object.values(health ?? {})]) if (typeof figure !== "boolean") finite(figure ?? 0);
  const { words, rows } = describeEdge(read, 1_790_000_000_000);
  for (const said of [words, ...rows.flat()]) shown(said);
}

export function incident(read: Incident): void {
  for (const word of [read.id, read.edge, read.kind, read.message]) text(word);
  const { shownUs, byEdgeUs } = times(read);
  for (const us of [read.timeUs, read.receivedUs ?? 0, shownUs, byEdgeUs ?? 0]) whole(us);
  shown(heading(read.kind));
}

function rect(read: Rect): void {
  assert.equal(read.length, 4);
  read.forEach(finite);
  const { left, top, width, height } = onScreen(read, AREA, 2);
  assert.ok(left >= 10 && top >= 20 && width >= 0 && height >= 0 && left + width <= 650 && top + height <= 380, `drawn at ${[left, top, width, height].join()}`);
}

function text(value: unknown): void {
  assert.equal(typeof value, "string");
}

/** Words for a person: none of JavaScript's own. */
function shown(value: unknown): void {
  text(value);
  assert.doesNotMatch(String(value), /function |\[object|NaN|Infinity|undefined/);
}

/** `encodeURIComponent` throws at half a character. */
function inAddress(value: string): void {
  assert.ok(encodeURIComponent(value).length > 0);
}

function one(value: string, words: readonly string[]): void {
  assert.ok(words.includes(value), value);
}

function u32(value: number): void {
  assert.ok(Number.isInteger(value) && value >= 0 && value <= 4_294_967_295, `${value} is no u32`);
}

function whole(value: number): void {
  assert.ok(Number.isSafeInteger(value), `${value} is no integer`);
}

function finite(value: unknown): void {
  assert.ok(Number.isFinite(value), `${String(value)} is no finite number`);
}
