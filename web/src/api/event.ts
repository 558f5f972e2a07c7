/**
 * An event as the hub tells of it: over REST with the state of its picture, over the live WebSocket without.
 *
 *     opened ──▶ updated* ──▶ closed
 */
import { isFinite, isInteger, isName, isNatural, isRecord, isRect, isU32, type Rect } from "./json.ts";
import type { Unread } from "./types.ts";
import { parseWhy, type Why } from "./why.ts";

export type Phase = "opened" | "updated" | "closed";
export type Place = "edge" | "hub";

export interface EventState {
  /** UUID of version 7: the order of ids is the order of creation. */
  readonly id: string;
  /** `edge.camera` */
  readonly stream: string;
  readonly phase: Phase;
  /** Rises with each state; a higher one replaces a lower one. */
  readonly revision: number;
  readonly label: string;
  readonly track: number;
  /** 0 to 1 */
  readonly score: number;
  /** Where the thing was in the best frame. */
  readonly box: Rect;
  /** Its beginning, best view, last frame: µs since the epoch on the edge's clock. */
  readonly openedUs: number;
  readonly bestUs: number;
  readonly closedUs: number | null;
  /**
   * Why the hub has closed it, where its edge has not: `closedUs` is then the best view's time, and nobody knows the end. Null also
   * over the WebSocket, which does not tell it.
   */
  readonly closedReason: string | null;
  /** Name of the rule that made it; null for what was made before there were rules. */
  readonly rule: string | null;
  /** What of the rule came true; null where this page does not know such a reason. */
  readonly why: Why | null;
  readonly place: Place;
  readonly engine: string;
  readonly model: string;
}

/** The best picture of an event that the store has. */
export interface StoredPicture {
  /** The event's revision that it belongs to; a higher one replaces a lower one. */
  readonly revision: number;
  /** Whether it can be had from near, too. */
  readonly hasCrop: boolean;
}

/** The whole frame, or what is around the thing: as the hub's paths call them. */
export type View = "picture" | "crop";

export interface StoredEvent extends EventState {
  /** Null while there is none. */
  readonly picture: StoredPicture | null;
}

export function isPlace(value: unknown): value is Place {
  return value === "edge" || value === "hub";
}

function isPhase(value: unknown): value is Phase {
  return value === "opened" || value === "updated" || value === "closed";
}

/** Null for what is not an event. Unknown keys are ignored, so that later hubs may add some. */
export function parseEvent(value: unknown): EventState | null {
  if (!isRecord(value)) return null;
  const unread: Unread<"Event"> = value;
  const { id, stream, phase, revision, label, track, score, box, opened_us, best_us, closed_us, closed_reason } = unread;
  const { rule, why, place, engine, model } = unread;
  if (!isName(id) || !isName(stream) || !isPhase(phase) || !isU32(revision)) return null;
  if (typeof label !== "string" || !isNatural(track) || !isFinite(score) || !isRect(box)) return null;
  if (!isInteger(opened_us) || !isInteger(best_us) || !isPlace(place)) return null;
  if (typeof engine !== "string" || typeof model !== "string") return null;
  if (closed_us !== undefined && closed_us !== null && !isInteger(closed_us)) return null;
  return {
    id,
    stream,
    phase,
    revision,
    label,
    track,
    score,
    box,
    openedUs: opened_us,
    bestUs: best_us,
    closedUs: closed_us ?? null,
    closedReason: typeof closed_reason === "string" ? closed_reason : null,
    rule: typeof rule === "string" ? rule : null,
    why: parseWhy(why),
    place,
    engine,
    model,
  };
}

export function parseStoredEvent(value: unknown): StoredEvent | null {
  const event = parseEvent(value);
  if (event === null || !isRecord(value)) return null;
  const { picture_revision: revision, has_crop: hasCrop }: Unread<"Event"> = value;
  return { ...event, picture: isU32(revision) ? { revision, hasCrop: hasCrop === true } : null };
}
