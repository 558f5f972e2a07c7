/** Whether what comes again and again has stopped: pictures may be 30 a second or one in ten seconds. Reads no clock. */

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

/** When the last one came, and how long after the one before. */
export class Rhythm {
  private last: number | null = null;
  private gap: number | null = null;

  came(nowMs: number): void {
    if (this.last !== null) this.gap = nowMs - this.last;
    this.last = nowMs;
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
    this.gap = null;
  }
}
