/** Which camera is shown in large. Pure. */
import type { Camera } from "../api/types.ts";
import type { CamerasState } from "../cameras/poll.ts";

/**
 * The camera of the address; else the one that was shown before, for as long as it is in the list, whatever becomes of
 * it: who looks at a picture must not be given another because cameras come and go. Else, as at first, the first that
 * is live; else the first.
 *
 * `wanted` and `before` are streams.
 */
export function chosen(state: CamerasState, wanted: string | null, before: string | null): Camera | null {
  if (state.kind !== "ready") return null;
  const { cameras } = state;
  const named = (stream: string | null): Camera | undefined => cameras.find((camera) => camera.stream === stream);
  return named(wanted) ?? named(before) ?? cameras.find((camera) => camera.state === "live") ?? cameras[0] ?? null;
}
