/** What of the page's state is in its address, behind `#`: which camera, in which mode, which events, and the one in large. Never the token. */
import { readUntil, writeUntil } from "../events/until.ts";
import type { Mode } from "../live/wire.ts";

export interface Place {
  readonly camera: string | null;
  readonly mode: Mode;
  /** Only events of this class; null for all. */
  readonly label: string | null;
  /** Only events of the camera that is shown. */
  readonly onlyCamera: boolean;
  /** Only events until this minute; null for the newest. */
  readonly until: number | null;
  /** The event that is shown in large, in the list or not; null for none. */
  readonly event: string | null;
}

/** What an address means that says nothing. */
export const START: Place = { camera: null, mode: "exact", label: null, onlyCamera: false, until: null, event: null };

export function readPlace(hash: string): Place {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  return {
    camera: parameters.get("camera"),
    mode: parameters.get("mode") === "live" ? "live" : START.mode,
    label: parameters.get("label") || null,
    onlyCamera: parameters.get("only") === "camera",
    until: readUntil(parameters.get("until") ?? ""),
    event: parameters.get("event")?.toLowerCase() || null,
  };
}

export function writePlace({ camera, mode, label, onlyCamera, until, event }: Place): string {
  const parameters = new URLSearchParams();
  if (camera !== null) parameters.set("camera", camera);
  if (mode !== START.mode) parameters.set("mode", mode);
  if (label !== null) parameters.set("label", label);
  if (onlyCamera) parameters.set("only", "camera");
  if (until !== null) parameters.set("until", writeUntil(until));
  if (event !== null) parameters.set("event", event);
  const text = parameters.toString().replaceAll("%3A", ":"); // Which may stand in a fragment as it is (RFC 3986 §3.5).
  return text === "" ? "" : `#${text}`;
}
