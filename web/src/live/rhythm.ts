/** Whether what comes again and again has stopped: pictures may be 30 a second or one in ten seconds. Reads no clock. */
import { rtpDifference, TICKS_PER_MS } from "./rtp.ts";

/** A camera that gives a picture every ten seconds is not waited for longer than this. */
const LONGEST_MS = 25_000;

/**
 * The last two came `gapMs` apart (null: there was one only), and the last one so long `agoMs`. Not before `leastMs`. Of one that
 * had one only nobody knows: it is given the longest time, since another comes within a fraction of a second where there are many
 * (so `has_stopped` in `cloud-hub/src/bus/stream.rs`).
 */
export function hasStopped(gapMs: number | null, agoMs: number, leastMs: number): boolean {
  return agoMs > (gapMs === null ? LONGEST_MS : Math.max(leastMs, Math.min(LONGEST_MS, 2 * gapMs)));
}

/** When the last picture came, and how long after the one before. */
export class Rhythm {
  private last: number | null = null;
  private lastRtp: number | null = null;
  private gap: number | null = null;

  /**
   * `rtp` is null where the browser does not say. What is there when one joins, the running group, is sent at once: its pictures,
   * and the next one, come closer together than they were captured.
   */
  came(nowMs: number, rtp: number | null): void {
    const captured = rtp === null || this.lastRtp === null ? 0 : rtpDifference(rtp, this.lastRtp) / TICKS_PER_MS;
    if (this.last !== null) this.gap = Math.max(nowMs - this.last, captured);
    this.last = nowMs;
    this.lastRtp = rtp;
  }

  /** Null before the first. */
  get lastMs(): number | null {
    return this.last;
  }

  /** Null before the second. */
  get gapMs(): number | null {
    return this.gap;
  }

  clear(): void {
    this.last = null;
    this.lastRtp = null;
    this.gap = null;
  }
}
