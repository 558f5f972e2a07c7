/** Which camera is shown in large. Pure. */
import type { Camera } from "../cameras/camera.ts";
import type { CamerasState } from "../cameras/poll.ts";

export interface Choice {
  /** Null while it is not in the list. */
  readonly camera: Camera | null;
  /** The stream that is asked for, or was shown before; null where there is none to choose yet. */
  readonly stream: string | null;
}

/**
 * The camera of the address; else the one that was shown before; else, as at first, the first that is live; else the first.
 * Where that one is not in the list, because its edge has not come back yet or it was removed, none: who looks at a picture
 * must not be given another because cameras come and go.
 *
 * `wanted` and `before` are streams.
 */
export function chosen(state: CamerasState, wanted: string | null, before: string | null): Choice {
  const cameras = state.kind === "ready" ? state.cameras : [];
  const asked = wanted ?? before;
  if (asked !== null) return { camera: cameras.find(({ stream }) => stream === asked) ?? null, stream: asked };
  const camera = cameras.find((camera) => camera.state === "live") ?? cameras[0] ?? null;
  return { camera, stream: camera?.stream ?? null };
}
