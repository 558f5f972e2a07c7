/**
 * Whether the page has fallen behind the browser's decoder, in exact mode.
 *
 * A track's frames wait for the page one behind the other, up to a second of them, while the video element always has the
 * newest. So on a machine that copies fewer frames a second than the camera sends, each frame would be shown a second late
 * for good. Frames that are further behind the element's than `BEHIND_MS` are therefore passed over until the page has caught
 * up: taking one without copying it costs next to nothing. But those with boxes are not, and one in `PULSE_MS` is not, so
 * that the picture goes on where that is all there is time for.
 *
 * What came late by the network was late for the element too, and is not passed over for it.
 *
 * Pure: times are the browser's monotonic clock, ms.
 */
import type { Own } from "./boxes.ts";
import { rtpDifference, TICKS_PER_MS } from "./rtp.ts";

/** Three frames at 30 a second: the element gets a frame up to two refreshes of the screen sooner than the page. */
export const BEHIND_MS = 100;
/** Ten frames a second are a picture that moves. */
export const PULSE_MS = 100;

export class Backlog {
  private newest: number | null = null;
  private takenMs = -Infinity;

  /** The video element has got this frame. */
  decoded(rtp: number | null): void {
    this.newest = rtp;
  }

  /** Whether this frame of the track is to be passed over. */
  passesOver(rtp: number, own: Own, nowMs: number): boolean {
    const behind = this.newest !== null && rtpDifference(this.newest, rtp) > BEHIND_MS * TICKS_PER_MS;
    if (behind && own === "none" && nowMs - this.takenMs < PULSE_MS) return true;
    this.takenMs = nowMs;
    return false;
  }

  clear(): void {
    this.newest = null;
    this.takenMs = -Infinity;
  }
}
