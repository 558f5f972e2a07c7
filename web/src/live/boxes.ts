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
import { rtpDifference, TICKS_PER_MS } from "./rtp.ts";
import type { Boxes } from "./wire.ts";

export type Drawn =
  | { readonly kind: "none" }
  | { readonly kind: "own"; readonly boxes: Boxes }
  | { readonly kind: "held"; readonly boxes: Boxes; readonly ageMs: number };

/** Nothing is drawn. */
export const NOTHING: Drawn = { kind: "none" };

/** Whether a frame has boxes of its own, or will have some any moment. */
export type Own = "there" | "awaited" | "none";

/** Longest that boxes are held over frames that were not analysed. */
export const HOLD_MS = 1000;

/** Frames whose boxes are kept: 4 s at 30 analysed frames a second, far more than any picture waits. */
const KEPT = 128;

/** So many gaps between analysed frames tell how far apart they are; even, so that the longer can be taken of two kinds. */
const RHYTHM = 8;

/** What is further from the newest than this is of another time: timestamps come round in 13 hours, and the clock may be set. */
const KEPT_US = 60_000_000;

export class BoxShelf {
  /** In the order of their frames, and the same in that of their arrival. */
  private frames: Boxes[] = [];
  private arrived: Boxes[] = [];

  /**
   * Keeps one frame's boxes, in the order of the frames whatever the order of arrival. Those that came first give way, not
   * those of the earliest frame: once the edge's clock was set back these are the newest.
   */
  put(boxes: Boxes): void {
    for (const kept of this.arrived.filter(({ timeUs }) => Math.abs(timeUs - boxes.timeUs) > KEPT_US)) this.remove(kept);
    let at = this.frames.length;
    while (at > 0 && rtpDifference(this.frames[at - 1]!.rtp, boxes.rtp) > 0) at -= 1;
    if (this.frames[at - 1]?.rtp === boxes.rtp) this.remove(this.frames[(at -= 1)]!);
    this.frames.splice(at, 0, boxes);
    this.arrived.push(boxes);
    if (this.arrived.length > KEPT) this.remove(this.arrived[0]!);
  }

  /** What belongs on the frame `rtp`. */
  on(rtp: number): Drawn {
    for (let at = this.frames.length - 1; at >= 0; at -= 1) {
      const boxes = this.frames[at]!;
      const age = rtpDifference(rtp, boxes.rtp);
      if (age === 0) return { kind: "own", boxes };
      if (age > 0) {
        const ageMs = age / TICKS_PER_MS;
        return ageMs <= HOLD_MS ? { kind: "held", boxes, ageMs } : NOTHING;
      }
    }
    return NOTHING;
  }

  /**
   * Whether boxes of the frame `rtp` are there, or are to be expected: it is as long after the newest as those are apart,
   * less by what the newest was late, since the edge keeps its rhythm, and may be late by as much for some looks before it
   * makes up for that. One look may have been left out, or be late itself, even by nearly as long as they are apart; after two,
   * none is counted on.
   */
  own(rtp: number): Own {
    if (this.on(rtp).kind === "own") return "there";
    const newest = this.frames.at(-1);
    const gaps = this.gaps();
    const apart = median(gaps);
    if (newest === undefined || apart === null) return "none";
    const late = gaps.reduce((before, gap) => behind(before + gap, apart), 0);
    const age = rtpDifference(rtp, newest.rtp);
    return age > 0.9 * apart - late && age < 3 * apart ? "awaited" : "none";
  }

  /** The boxes that came last, for a browser that does not say which frame it shows. */
  newest(): Boxes | null {
    return this.arrived.at(-1) ?? null;
  }

  clear(): void {
    this.frames = [];
    this.arrived = [];
  }

  private remove(boxes: Boxes): void {
    this.frames = this.frames.filter((kept) => kept !== boxes);
    this.arrived = this.arrived.filter((kept) => kept !== boxes);
  }

  /** From one analysed frame to the next, ticks, of the last few. */
  private gaps(): readonly number[] {
    const last = this.frames.slice(-1 - RHYTHM);
    return last.slice(1).map(({ rtp }, n) => rtpDifference(rtp, last[n]!.rtp));
  }
}

/** Where every second and every third frame are analysed by turns, the longer: sooner, boxes can't be relied on. */
function median(gaps: readonly number[]): number | null {
  return gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? null;
}

/** How late a look is that comes so long after the time of one before. Sooner than expected, that one was late itself. */
function behind(ticks: number, apart: number): number {
  return Math.max(0, ticks - Math.max(1, Math.floor(ticks / apart + 0.1)) * apart);
}
