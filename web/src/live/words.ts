/** What to say over and under the live picture. Pure. */
import type { Camera } from "../cameras/camera.ts";
import type { CamerasState } from "../cameras/poll.ts";
import { describeCamera } from "../cameras/words.ts";
import type { LiveState, Setback } from "./state.ts";

/** What covers the picture. */
export type Cover =
  | { readonly kind: "clear" }
  /** The person is to press play. */
  | { readonly kind: "blocked"; readonly title: string; readonly detail: string }
  | { readonly kind: "busy"; readonly title: string; readonly detail: string | null }
  /** `retryAtMs`: when it is tried again by itself, on the browser's monotonic clock. */
  | { readonly kind: "trouble"; readonly title: string; readonly detail: string; readonly retryAtMs: number | null };

export function coverOf(camera: Camera, live: LiveState): Cover {
  if (live.kind === "playing") return { kind: "clear" };
  if (camera.state === "failed" || camera.state === "offline") {
    const { words, detail } = describeCamera(camera);
    const title = camera.state === "offline" ? "This camera is offline" : "This camera can’t be reached";
    return { kind: "trouble", title, detail: detail ?? words, retryAtMs: null };
  }
  if (camera.state === "connecting") {
    return { kind: "busy", title: "The edge is connecting to the camera", detail: describeCamera(camera).detail };
  }
  return coverOfLive(live);
}

/** `missing`: the stream that is asked for, and that the list does not have. */
export function withoutCamera(cameras: CamerasState, missing: string | null): Cover {
  switch (cameras.kind) {
    case "loading":
      return { kind: "busy", title: "Loading the cameras", detail: null };
    case "failed":
      return { kind: "trouble", title: "The hub is not answering", detail: cameras.message, retryAtMs: null };
    case "ready":
      if (missing !== null) {
        const detail = `The hub does not know the camera “${missing}”. Its edge has not connected since the hub started, or it was removed.`;
        return { kind: "trouble", title: "This camera is not there", detail, retryAtMs: null };
      }
      return {
        kind: "trouble",
        title: "No camera yet",
        detail: "The live picture appears here as soon as an edge with a camera connects to this hub.",
        retryAtMs: null,
      };
  }
}

function coverOfLive(live: Exclude<LiveState, { kind: "playing" }>): Cover {
  switch (live.kind) {
    case "connecting":
      return live.because === null ? { kind: "busy", title: "Connecting", detail: null } : setback(live.because, 0);
    case "waiting":
      return { kind: "busy", title: "Waiting for the first picture", detail: "Playing begins with the camera’s next key picture." };
    case "blocked":
      return { kind: "blocked", title: "This browser plays nothing by itself", detail: "It may save power, or be set to block video." };
    case "stalled":
      return { kind: "busy", title: "The picture has stopped", detail: "The hub is connected, but the camera sends nothing at the moment." };
    case "retrying":
      return setback(live.because, live.atMs);
    case "away":
      return { kind: "busy", title: "Paused", detail: "It goes on as soon as somebody looks at this page." };
  }
}

const TITLES = { refused: "This stream can’t be played", lost: "Connection lost", "no-way": "No way for live pictures" } as const;

/** The same words while it waits and while it tries, so that they can be read. */
function setback(because: Setback, retryAtMs: number): Cover {
  return { kind: "trouble", title: TITLES[because.kind], detail: because.message, retryAtMs };
}

export function milliseconds(value: number): string {
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ms`;
}

export function perSecond(value: number | null): string {
  return value === null ? "–" : value.toFixed(1);
}
