/** What befell an edge, as the hub tells of it over REST. */
import { isInteger, isRecord } from "../api/json.ts";
import type { Unread } from "../api/types.ts";

export interface Incident {
  /** UUID. Only one edge's are told apart by it. */
  readonly id: string;
  readonly edge: string;
  /** When it happened, or was found: µs since the epoch on the edge's clock. */
  readonly timeUs: number;
  /** When the hub got it, on the hub's clock; null of one that a hub of before has kept. */
  readonly receivedUs: number | null;
  /** A word; later edges may know more of them. */
  readonly kind: string;
  /** One line for people. */
  readonly message: string;
}

/** Null for what is not an incident. Unknown keys are ignored, so that later hubs may add some. */
export function parseIncident(value: unknown): Incident | null {
  if (!isRecord(value)) return null;
  const { id, edge, time_us, received_us, kind, message }: Unread<"Incident"> = value;
  if (typeof id !== "string" || typeof edge !== "string" || !isInteger(time_us)) return null;
  if (typeof kind !== "string" || typeof message !== "string") return null;
  return { id, edge, timeUs: time_us, receivedUs: isInteger(received_us) ? received_us : null, kind, message };
}
