/**
 * Frames that wait for their boxes, in exact mode.
 *
 * The hub writes beside each picture how long the browser is to hold it back (`playout-delay`), and the browser obeys,
 * but takes ten seconds and more to come near a delay that has changed; nor does it know how old a picture was when it
 * arrived. So the page holds the rest itself: no frame is shown before its boxes can be there, and one that comes later
 * is shown at once.
 *
 * Two bounds. No frame waits longer than `LONGEST_MS`, whatever is asked for. All that wait take up `room` at most; when
 * that is full the oldest is shown without waiting, so that the picture goes on, in the right order and as late as there
 * is room for, and its boxes may come while it is on screen or after.
 *
 * Pure: times are the browser's monotonic clock, ms. What a frame is and what it takes up is the caller's business.
 */

export interface Released<T> {
  /** The newest frame that is due; null while none is. */
  readonly show: T | null;
  /** Frames that were due as well, but older: nobody would see them. */
  readonly skip: readonly T[];
}

/** As long as the hub's longest delay (`MAX` in `cloud-hub/core/src/delay.rs`). */
export const LONGEST_MS = 2000;

interface Waiting<T> {
  readonly frame: T;
  readonly dueMs: number;
  readonly size: number;
}

export class Hold<T> {
  private waiting: Waiting<T>[] = [];
  private taken = 0;

  /** `sizeOf` says what one frame takes up of `room`, in the same unit. */
  constructor(
    private readonly room: number,
    private readonly sizeOf: (frame: T) => number,
  ) {}

  /** How many wait. */
  get length(): number {
    return this.waiting.length;
  }

  /** Frames come in the order in which they are to be shown, and are due in that order. */
  put(frame: T, dueMs: number, nowMs: number): void {
    const before = this.waiting.at(-1)?.dueMs ?? Number.NEGATIVE_INFINITY;
    const size = this.sizeOf(frame);
    this.waiting.push({ frame, dueMs: Math.max(before, Math.min(dueMs, nowMs + LONGEST_MS)), size });
    this.taken += size;
  }

  take(nowMs: number): Released<T> {
    let due = 0;
    let left = this.taken;
    for (const { dueMs, size } of this.waiting) {
      if (dueMs > nowMs && left <= this.room) break;
      left -= size;
      due += 1;
    }
    this.taken = left;
    const frames = this.waiting.splice(0, due).map(({ frame }) => frame);
    return { show: frames.at(-1) ?? null, skip: frames.slice(0, -1) };
  }

  /** Gives all of them back. */
  clear(): readonly T[] {
    this.taken = 0;
    return this.waiting.splice(0).map(({ frame }) => frame);
  }
}
