/** What of the page's state is in its address, behind `#`: which camera, in which mode, and which events. Never the token. */
import type { Mode } from "../live/wire.ts";

export interface Place {
  readonly camera: string | null;
  readonly mode: Mode;
  /** Only events of this class; null for all. */
  readonly label: string | null;
  /** Only events of the camera that is shown. */
  readonly onlyCamera: boolean;
}

export function readPlace(hash: string): Place {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  return {
    camera: parameters.get("camera"),
    mode: parameters.get("mode") === "exact" ? "exact" : "live",
    label: parameters.get("label") || null,
    onlyCamera: parameters.get("only") === "camera",
  };
}

export function writePlace({ camera, mode, label, onlyCamera }: Place): string {
  const parameters = new URLSearchParams();
  if (camera !== null) parameters.set("camera", camera);
  if (mode !== "live") parameters.set("mode", mode);
  if (label !== null) parameters.set("label", label);
  if (onlyCamera) parameters.set("only", "camera");
  const text = parameters.toString();
  return text === "" ? "" : `#${text}`;
}
