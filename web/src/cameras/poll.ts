/** Asks the hub for its cameras every few seconds, and keeps showing the last answer while it does not give another. */
import type { HubClient } from "../api/client.ts";
import { Poll, type Answer } from "../api/poll.ts";
import { explain } from "../api/result.ts";
import type { Camera } from "./camera.ts";

const EVERY_MS = 2000;

export type CamerasState =
  | { readonly kind: "loading" }
  | { readonly kind: "failed"; readonly message: string }
  /** `stale`: the hub has stopped answering, and why. */
  | { readonly kind: "ready"; readonly cameras: readonly Camera[]; readonly stale: string | null };

export function pollCameras(hub: Pick<HubClient, "cameras">): Poll<CamerasState, readonly Camera[]> {
  return new Poll<CamerasState, readonly Camera[]>({
    first: { kind: "loading" },
    ask: (signal) => hub.cameras(signal),
    next: camerasState,
    everyMs: EVERY_MS,
  });
}

/** By site, then by name. */
export function camerasState(before: CamerasState, answer: Answer<readonly Camera[]>): CamerasState {
  if (answer.kind === "success") {
    const cameras = [...answer.value].toSorted((a, b) => a.edge.localeCompare(b.edge) || a.name.localeCompare(b.name));
    return { kind: "ready", cameras, stale: null };
  }
  const message = explain(answer.failure);
  return before.kind === "ready" ? { ...before, stale: message } : { kind: "failed", message };
}
