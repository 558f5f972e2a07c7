/**
 * Hub ⇄ browser: JSON texts on a viewer's data channel (label `omma`) and on the WebSocket `/api/v1/live`.
 *
 * The mirror of `shared/protocol/src/wire/browser.rs`. Parsing is pure and strict: a message is read whole or not at
 * all, and unknown keys are ignored, so that later hubs may add some.
 */
import { isPlace, parseEvent, type EventState, type Place } from "../api/event.ts";
import { isFinite, isInteger, isNatural, isRecord, isRect, isU32, type Rect } from "../api/json.ts";

/** `live`: every picture at once. `exact`: pictures wait as long as analysis takes; every box is on its own frame. */
export type Mode = "live" | "exact";

export interface Box {
  readonly track: number;
  readonly label: string;
  /** 0 to 1 */
  readonly score: number;
  readonly rect: Rect;
}

/** All that was found in one frame. An empty one says that the frame was looked at and nothing was there. */
export interface Boxes {
  readonly stream: string;
  /** RTP timestamp of the frame: what `requestVideoFrameCallback` reports when it is shown. */
  readonly rtp: number;
  /** Capture time of the frame, µs since the epoch on the edge's clock. */
  readonly timeUs: number;
  /** From capture to the moment the hub passed this on, ms. */
  readonly delayMs: number;
  readonly place: Place;
  readonly engine: string;
  readonly model: string;
  readonly boxes: readonly Box[];
}

export type HubMessage =
  | { readonly type: "boxes"; readonly boxes: Boxes }
  | { readonly type: "event"; readonly event: EventState }
  | { readonly type: "picture"; readonly event: string; readonly revision: number; readonly hasCrop: boolean }
  /** The page was too slow and missed some events or pictures: the list is to be fetched again. */
  | { readonly type: "resync" }
  /** `streamUs`: the stream's clock when the hub answered, µs since the epoch. */
  | { readonly type: "clock"; readonly id: number; readonly streamUs: number }
  /**
   * `delayMs`: how long the browser's own buffer is to hold each picture back once it has it. `holdMs`: how long after a
   * picture's capture, by the stream's clock, its boxes are there. Both 0 when live.
   */
  | { readonly type: "mode"; readonly mode: Mode; readonly delayMs: number; readonly holdMs: number }
  | { readonly type: "error"; readonly reason: string };

export type BrowserMessage =
  | { readonly type: "auth"; readonly token: string }
  | { readonly type: "watch"; readonly stream: string | null }
  | { readonly type: "clock"; readonly id: number }
  | { readonly type: "mode"; readonly mode: Mode };

export function encode(message: BrowserMessage): string {
  return JSON.stringify(message);
}

/** Null for what is not a message of this protocol: a data channel is no place to fail. */
export function parseHubMessage(text: unknown): HubMessage | null {
  if (typeof text !== "string") return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value)) return null;
  switch (value["type"]) {
    case "boxes": {
      const boxes = parseBoxes(value);
      return boxes === null ? null : { type: "boxes", boxes };
    }
    case "event": {
      const event = parseEvent(value);
      return event === null ? null : { type: "event", event };
    }
    case "picture": {
      const { event, revision, has_crop } = value; // An older hub has no crops.
      return typeof event === "string" && isU32(revision) ? { type: "picture", event, revision, hasCrop: has_crop === true } : null;
    }
    case "resync":
      return { type: "resync" };
    case "clock": {
      const { id, stream_us } = value;
      return isU32(id) && isInteger(stream_us) ? { type: "clock", id, streamUs: stream_us } : null;
    }
    case "mode": {
      const { mode, delay_ms } = value;
      const hold_ms = value["hold_ms"] ?? delay_ms; // An older hub has only the one number.
      return isMode(mode) && isU32(delay_ms) && isU32(hold_ms) ? { type: "mode", mode, delayMs: delay_ms, holdMs: hold_ms } : null;
    }
    case "error": {
      const { reason } = value;
      return typeof reason === "string" ? { type: "error", reason } : null;
    }
    default:
      return null;
  }
}

function isMode(value: unknown): value is Mode {
  return value === "live" || value === "exact";
}

function parseBoxes(value: Record<string, unknown>): Boxes | null {
  const { stream, rtp, time_us, delay_ms, place, engine, model, boxes } = value;
  if (typeof stream !== "string" || !isU32(rtp) || !isInteger(time_us) || !isFinite(delay_ms)) return null;
  if (!isPlace(place) || typeof engine !== "string" || typeof model !== "string" || !Array.isArray(boxes)) return null;
  const parsed = boxes.map(parseBox);
  if (!parsed.every((box) => box !== null)) return null;
  return { stream, rtp, timeUs: time_us, delayMs: delay_ms, place, engine, model, boxes: parsed };
}

function parseBox(value: unknown): Box | null {
  if (!isRecord(value)) return null;
  const { track, label, score, box } = value;
  if (!isNatural(track) || typeof label !== "string" || !isFinite(score) || !isRect(box)) return null;
  return { track, label, score, rect: box };
}
