/**
 * Whether the page has fallen behind the browser's decoder, in exact mode.
 *
 * A track's frames wait for the page one behind the other, up to 30 of them, while the video element always has the newest.
 * So on a machine that copies fewer frames a second than the camera sends, each frame would be shown as late as 30 of them take,
 * for good. Taking a frame without copying it costs next to nothing: so those that are due already and further behind the
 * element's than `BEHIND_MS` are passed over, until the page has caught up. Two are not: a frame that has or awaits boxes, for as
 * long as it has a right to be shown (`LATE_MS`); and the first after `PULSE_MS` in which none was copied or painted, so that the
 * picture goes on where that is all there is time for.
 *
 * What the network brought late, the element has late too: it is not passed over, unless it came in a burst with what is due after it.
 *
 * Pure: times are the browser's monotonic clock, ms.
 */
import type { Own } from "./boxes.ts";
import { LATE_MS } from "./hold.ts";
import { rtpDifference, TICKS_PER_MS } from "./rtp.ts";

/** Well above the two refreshes of the screen by which the element may be ahead of a page that keeps up. */
export const BEHIND_MS = 100;
/** Nearly ten frames a second are a picture that moves. */
export const PULSE_MS = 100;

export class Backlog {
  private newest: number | null = null;
  private spentMs = -Infinity;

  /** The video element has presented this frame. */
  presented(rtp: number | null): void {
    this.newest = rtp;
  }

  /** The page has just copied or painted a frame. */
  spent(nowMs: number): void {
    this.spentMs = nowMs;
  }

  /** Whether this frame of the track, to be shown at `dueMs`, is to be passed over. `own` says whether it has boxes. */
  passesOver(rtp: number, dueMs: number, nowMs: number, own: () => Own): boolean {
    const behind = this.newest !== null && rtpDifference(this.newest, rtp) > BEHIND_MS * TICKS_PER_MS;
    const lateMs = nowMs - dueMs;
    if (!behind || lateMs < 0 || nowMs - this.spentMs >= PULSE_MS) return false;
    return lateMs > LATE_MS || own() === "none";
  }

  clear(): void {
    this.newest = null;
    this.spentMs = -Infinity;
  }
}
