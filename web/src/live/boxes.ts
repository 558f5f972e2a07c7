/**
 * Which boxes belong on the frame that is shown.
 *
 * A frame is known by its RTP timestamp. Boxes arrive on an unordered channel, before or after their frame is shown,
 * and only some frames are analysed. What is drawn on a frame:
 *
 * - `own`: the frame was analysed, and these are its boxes. Drawn solid.
 * - `held`: boxes of the newest analysed frame before it, while no older than `HOLD_MS`. Drawn dashed and dimmed, with
 *   their age once it can be noticed. In exact mode these are only the frames between two analysed ones; in live mode
 *   also those whose boxes are still under way.
 * - `none`: nothing is known of the frame or of one shortly before it.
 *
 * An analysed frame in which nothing was found is `own` with no boxes: it takes the held ones away.
 */
import { rtpDifference } from "./rtp.ts";
import type { Boxes } from "./wire.ts";

export type Drawn =
  | { readonly kind: "none" }
  | { readonly kind: "own"; readonly boxes: Boxes }
  | { readonly kind: "held"; readonly boxes: Boxes; readonly ageMs: number };

/** Longest that boxes are held over frames that were not analysed. */
export const HOLD_MS = 1000;

/** Frames whose boxes are kept: 4 s at 30 analysed frames a second, far more than any picture waits. */
const KEPT = 128;

const TICKS_PER_MS = 90;

export class BoxShelf {
  private frames: Boxes[] = [];

  /** Keeps one frame's boxes, in the order of the frames whatever the order of arrival. The oldest give way. */
  put(boxes: Boxes): void {
    let at = this.frames.length;
    while (at > 0 && rtpDifference(this.frames[at - 1]!.rtp, boxes.rtp) > 0) at -= 1;
    if (at > 0 && this.frames[at - 1]!.rtp === boxes.rtp) this.frames[at - 1] = boxes;
    else this.frames.splice(at, 0, boxes);
    if (this.frames.length > KEPT) this.frames.shift();
  }

  /** What belongs on the frame `rtp`. */
  on(rtp: number): Drawn {
    for (let at = this.frames.length - 1; at >= 0; at -= 1) {
      const boxes = this.frames[at]!;
      const age = rtpDifference(rtp, boxes.rtp);
      if (age === 0) return { kind: "own", boxes };
      if (age > 0) {
        const ageMs = age / TICKS_PER_MS;
        return ageMs <= HOLD_MS ? { kind: "held", boxes, ageMs } : { kind: "none" };
      }
    }
    return { kind: "none" };
  }

  /** The newest boxes, for a browser that does not say which frame it shows. */
  newest(): Boxes | null {
    return this.frames.at(-1) ?? null;
  }

  clear(): void {
    this.frames = [];
  }
}
