/**
 * Frames that wait for their boxes, in exact mode.
 *
 * A browser can be told to hold pictures back (`playout-delay`), but takes ten seconds and more to come near a delay that
 * has changed, and does not know how old a picture was when it arrived. So the page holds frames itself, and the browser
 * is asked only for what there is no room for here: no frame is shown before its boxes can be there, and one that comes
 * later is shown at once.
 *
 * Of several that are due in one refresh of the screen the newest is shown. But a frame with boxes of its own is not
 * passed over: it is shown first, and those behind it at the next refresh. And one whose boxes are awaited, because the
 * hub's time is that of 95 in 100, waits a little longer, and those behind it with it.
 *
 * Four bounds. No frame waits longer than `LONGEST_MS` for its time, whatever is asked for. Once that has come, it waits
 * for its boxes for `PATIENCE_MS`, and has a right to be shown for `LATE_MS`, so that a screen which can't keep up falls
 * behind by no more. All that wait take up `room` at most; when that is full the oldest is shown without waiting, so
 * that the picture goes on, in the right order and as late as there is room for, and its boxes may come while it is on
 * screen or after.
 *
 * Pure: times are the browser's monotonic clock, ms. What a frame is and what it takes up is the caller's business.
 */
import type { Own } from "./boxes.ts";

export interface Released<T> {
  /** The frame to be shown now; null for none. */
  readonly show: T | null;
  /** Frames that were due as well, but older: nobody will see them. */
  readonly skip: readonly T[];
}

/** As long as the hub's longest delay (`MAX` in `cloud-hub/core/src/delay.rs`). */
export const LONGEST_MS = 2000;
/** Boxes that miss their time miss it by less, unless the machine or the uplink stalls. */
export const PATIENCE_MS = 150;
/** Longer than a busy page keeps its screen waiting, shorter than a person takes for another moment. */
export const LATE_MS = 300;

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

  /** Whether they take up more than there is room for. */
  get full(): boolean {
    return this.taken > this.room;
  }

  /** Frames come in the order in which they are to be shown, and are due in that order, when they come at the earliest. */
  put(frame: T, dueMs: number, nowMs: number): void {
    const soonest = this.waiting.at(-1)?.dueMs ?? nowMs;
    const size = this.sizeOf(frame);
    this.waiting.push({ frame, dueMs: Math.max(soonest, nowMs, Math.min(dueMs, nowMs + LONGEST_MS)), size });
    this.taken += size;
  }

  /** To be called once in a refresh of the screen, and when it is full. `own` says of a frame whether it has boxes. */
  take(nowMs: number, own: (frame: T) => Own): Released<T> {
    let due = 0;
    let left = this.taken;
    for (const { frame, dueMs, size } of this.waiting) {
      const lateMs = nowMs - dueMs;
      if (left <= this.room && (lateMs < 0 || (lateMs < PATIENCE_MS && own(frame) === "awaited"))) break;
      left -= size;
      due += 1;
      if (left <= this.room && lateMs <= LATE_MS && own(frame) === "there") break;
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
