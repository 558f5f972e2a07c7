/** How the page and the hub stand, in two words for the header. */
import type { CamerasState } from "../cameras/poll.ts";
import type { SocketState } from "../events/socket.ts";

export interface Connection {
  readonly kind: "good" | "busy" | "bad";
  readonly words: string;
  readonly detail: string;
  /** Whether the detail is to stand on the page, and not only where a pointer rests. */
  readonly matters: boolean;
}

export function connection(cameras: CamerasState, socket: SocketState): Connection {
  const silent = cameras.kind === "failed" ? cameras.message : cameras.kind === "ready" ? cameras.stale : null;
  if (silent !== null) return { kind: "bad", words: "Hub not reachable", detail: `${silent} Tried again every few seconds.`, matters: true };
  if (socket.kind === "retrying") {
    const why = socket.reason ?? "The hub answers, but the channel for events is gone.";
    return { kind: "busy", words: "Reconnecting", detail: `${why} It is opened again by itself.`, matters: socket.reason !== null };
  }
  if (socket.kind === "connecting" || cameras.kind === "loading") return { kind: "busy", words: "Connecting", detail: "Connecting to the hub.", matters: false };
  return { kind: "good", words: "Connected", detail: "Connected to the hub. Events appear as they happen.", matters: false };
}
