/** How the page and the hub stand, in two words for the header. */
import type { CamerasState } from "../cameras/poll.ts";
import type { SocketState } from "../events/socket.ts";

export interface Connection {
  readonly kind: "good" | "busy" | "bad";
  readonly words: string;
  readonly detail: string;
}

export function connection(cameras: CamerasState, socket: SocketState): Connection {
  const silent = cameras.kind === "failed" ? cameras.message : cameras.kind === "ready" ? cameras.stale : null;
  if (silent !== null) return { kind: "bad", words: "Hub not reachable", detail: `${silent} Tried again every few seconds.` };
  if (socket.kind === "retrying") {
    return { kind: "busy", words: "Reconnecting", detail: "The hub answers, but the channel for events is gone. It is opened again by itself." };
  }
  if (socket.kind === "connecting" || cameras.kind === "loading") return { kind: "busy", words: "Connecting", detail: "Connecting to the hub." };
  return { kind: "good", words: "Connected", detail: "Connected to the hub. Events appear as they happen." };
}
