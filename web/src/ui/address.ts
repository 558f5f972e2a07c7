/** What of the page's state is in its address, behind `#`: which camera, and in which mode. Never the token. */
import type { Mode } from "../live/wire.ts";

export interface Place {
  readonly camera: string | null;
  readonly mode: Mode;
}

export function readPlace(hash: string): Place {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  return { camera: parameters.get("camera"), mode: parameters.get("mode") === "exact" ? "exact" : "live" };
}

export function writePlace(place: Place): string {
  const parameters = new URLSearchParams();
  if (place.camera !== null) parameters.set("camera", place.camera);
  if (place.mode !== "live") parameters.set("mode", place.mode);
  const text = parameters.toString();
  return text === "" ? "" : `#${text}`;
}
