/** A camera as the hub tells of it over REST. */
import { isInteger, isName, isRecord } from "../api/json.ts";
import type { Unread } from "../api/types.ts";

export interface Camera {
  /** `edge.camera`, unique in the hub. */
  readonly stream: string;
  readonly name: string;
  readonly edge: string;
  /** `live`, `connecting`, `failed`, `offline`; later hubs may know more of them. */
  readonly state: string;
  /** `edge`, `hub`, `none`; later hubs may know more of them. */
  readonly placement: string;
  /** What is wrong; null where there is nothing to say. */
  readonly reason: string | null;
  /** Null while not known, as are the pixels. */
  readonly codec: string | null;
  readonly width: number | null;
  readonly height: number | null;
  /** Words for faults of its RTSP that its edge puts right. */
  readonly interpreted: readonly string[];
}

/** Null for what is no camera. Unknown keys are ignored, so that later hubs may add some. */
export function parseCamera(value: unknown): Camera | null {
  if (!isRecord(value)) return null;
  const { stream, name, edge, state, placement, reason, codec, width, height, interpreted }: Unread<"Camera"> = value;
  if (!isName(stream) || typeof name !== "string" || typeof edge !== "string") return null;
  if (typeof state !== "string" || typeof placement !== "string") return null;
  return {
    stream,
    name,
    edge,
    state,
    placement,
    reason: typeof reason === "string" ? reason : null,
    codec: typeof codec === "string" ? codec : null,
    width: isInteger(width) ? width : null,
    height: isInteger(height) ? height : null,
    interpreted: Array.isArray(interpreted) ? interpreted.filter((fault) => typeof fault === "string") : [],
  };
}
