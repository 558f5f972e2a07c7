/**
 * Frames that wait for their boxes, in exact mode.
 *
 * The hub writes beside each picture how long the browser is to hold it back (`playout-delay`), and the browser obeys,
 * but takes ten seconds and more to come near a delay that has changed. So the page holds the rest itself: no frame is
 * shown before its capture time and the delay have passed, and one that comes later is shown at once.
 *
 * Pure: times are the browser's monotonic clock, ms. What a frame is, is the caller's business.
 */

export interface Released<T> {
  /** The newest frame that is due; null while none is. */
  readonly show: T | null;
  /** Frames that were due as well, but older: nobody would see them. */
  readonly skip: readonly T[];
}

/** Longest that a frame waits, whatever is asked for. */
const LONGEST_MS = 1000;

export class Hold<T> {
  private waiting: { readonly frame: T; readonly dueMs: number }[] = [];

  /** `bound` frames wait at most; one more, and the oldest is due at once. */
  constructor(private readonly bound: number) {}

  get size(): number {
    return this.waiting.length;
  }

  /** Frames come in the order in which they are to be shown, and are due in that order. */
  put(frame: T, dueMs: number, nowMs: number): void {
    const before = this.waiting.at(-1)?.dueMs ?? Number.NEGATIVE_INFINITY;
    this.waiting.push({ frame, dueMs: Math.max(before, Math.min(dueMs, nowMs + LONGEST_MS)) });
  }

  take(nowMs: number): Released<T> {
    let due = this.waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    if (due < 0) due = this.waiting.length;
    due = Math.max(due, this.waiting.length - this.bound);
    const frames = this.waiting.splice(0, due).map(({ frame }) => frame);
    return { show: frames.at(-1) ?? null, skip: frames.slice(0, -1) };
  }

  /** Gives all of them back. */
  clear(): readonly T[] {
    return this.waiting.splice(0).map(({ frame }) => frame);
  }
}
