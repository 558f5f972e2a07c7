/** What to say of a camera. Pure. */
import { sentence } from "../api/result.ts";
import type { Camera } from "./camera.ts";

export interface CameraWords {
  readonly tone: "good" | "busy" | "bad" | "off";
  readonly words: string;
  /** Why, and what to do; null where there is nothing to add. */
  readonly detail: string | null;
}

export function describeCamera(camera: Camera): CameraWords {
  const reason = camera.reason === null ? null : sentence(camera.reason);
  switch (camera.state) {
    case "live":
      return reason === null ? { tone: "good", words: "Live", detail: null } : { tone: "bad", words: "Not analysed", detail: reason };
    case "connecting":
      return { tone: "busy", words: "Connecting", detail: reason };
    case "failed":
      return { tone: "bad", words: "Failed", detail: reason ?? "The edge could not reach the camera and tries again." };
    case "offline":
      return {
        tone: "off",
        words: "Offline",
        detail: `The edge “${camera.edge}” has no connection for live video. It goes on detecting, and its events arrive once it is back.`,
      };
    default: // Of a later hub.
      return { tone: "off", words: worded(camera.state), detail: reason };
  }
}

export function describePlacement(placement: string): string {
  switch (placement) {
    case "edge":
      return "Analysed at the edge";
    case "hub":
      return "Analysed by the hub";
    case "none":
      return "Video only";
    default:
      return worded(placement);
  }
}

/** `RTP-Info, nonce`: faults of the camera that its edge puts right; null where there is none. */
export function describeInterpreted(camera: Camera): string | null {
  return camera.interpreted.length === 0 ? null : camera.interpreted.map(faultName).join(", ");
}

const FAULTS: ReadonlyMap<string, string> = new Map([
  ["content_type", "Content-Type"],
  ["description", "description"],
  ["session", "Session header"],
  ["rtp_info", "RTP-Info"],
  ["ssrc", "SSRC"],
  ["empty_packets", "empty packets"],
  ["nonce", "nonce"],
]);

/** A hub of a later version may have words that this page does not know. */
function faultName(fault: string): string {
  return FAULTS.get(fault) ?? fault.replaceAll("_", " ");
}

/** A word that this page does not know, as it came. */
function worded(word: string): string {
  return word === "" ? "–" : word.charAt(0).toUpperCase() + word.slice(1).replaceAll("_", " ");
}

/** `1280 × 720 H.264`; null while the edge has not said. */
export function describeVideo(camera: Camera): string | null {
  const { width, height, codec } = camera;
  const size = width !== null && height !== null ? `${width} × ${height}` : null;
  const name = codec === null ? null : codecName(codec);
  const words = [size, name].filter((part) => part !== null).join(" ");
  return words === "" ? null : words;
}

const CODECS: ReadonlyMap<string, string> = new Map([
  ["h264", "H.264"],
  ["h265", "H.265"],
]);

function codecName(codec: string): string {
  return CODECS.get(codec.toLowerCase()) ?? codec;
}

/** Cameras under their edges, both in the order given. */
export function bySite(cameras: readonly Camera[]): readonly { readonly edge: string; readonly cameras: readonly Camera[] }[] {
  const sites = new Map<string, Camera[]>();
  for (const camera of cameras) sites.set(camera.edge, [...(sites.get(camera.edge) ?? []), camera]);
  return [...sites].map(([edge, its]) => ({ edge, cameras: its }));
}

/** Names by stream; with its site where another camera has that name too. */
export function namesOf(cameras: readonly Camera[]): ReadonlyMap<string, string> {
  const names = cameras.map(({ name }) => name);
  const alike = new Set(names.filter((name, at) => names.indexOf(name) !== at));
  return new Map(cameras.map(({ stream, name, edge }) => [stream, alike.has(name) ? `${name} (${edge})` : name] as const));
}
