/**
 * The stream's clock as the browser knows it.
 *
 * The browser asks, the hub answers with the stream's time; half the round trip is taken as the way back. An answer
 * that came back fast can only be wrong by half its round trip, so the fastest of the last few is believed. Old ones
 * are forgotten, because clocks drift apart by some 10 µs a second.
 *
 * This module reads no clock: `nowMs` is the browser's monotonic time (`performance.now()`).
 */

const KEPT = 12;
const FORGET_MS = 60_000;
/** Questions whose answer was lost; more than that are never under way. */
const PENDING = 16;

interface Sample {
  readonly atMs: number;
  readonly rttMs: number;
  /** Stream's time minus the browser's, µs. */
  readonly offsetUs: number;
}

export interface ClockReading {
  readonly offsetUs: number;
  readonly rttMs: number;
}

export class StreamClock {
  private readonly pending = new Map<number, number>();
  private samples: Sample[] = [];
  private lastId = 0;

  /** The number of a question that is sent at `nowMs`. */
  ask(nowMs: number): number {
    this.lastId = (this.lastId + 1) % 0xffff_ffff;
    this.pending.set(this.lastId, nowMs);
    const oldest = this.pending.keys().next();
    if (this.pending.size > PENDING && !oldest.done) this.pending.delete(oldest.value);
    return this.lastId;
  }

  /** An answer came. One that was not asked for is ignored. */
  answer(id: number, streamUs: number, nowMs: number): void {
    const askedMs = this.pending.get(id);
    if (askedMs === undefined) return;
    this.pending.delete(id);
    const sample = { atMs: nowMs, rttMs: nowMs - askedMs, offsetUs: streamUs - ((askedMs + nowMs) / 2) * 1000 };
    this.samples = [...this.samples.filter((s) => nowMs - s.atMs < FORGET_MS), sample].slice(-KEPT);
  }

  /** The best answer; null before the first. */
  reading(): ClockReading | null {
    let best: Sample | null = null;
    for (const sample of this.samples) if (best === null || sample.rttMs < best.rttMs) best = sample;
    return best;
  }

  /** The stream's time at `nowMs`, µs since the epoch; null before the first answer. */
  streamUs(nowMs: number): number | null {
    const reading = this.reading();
    return reading === null ? null : reading.offsetUs + nowMs * 1000;
  }
}

/** When to ask next: a burst at first, so that the first number shown is a good one, then now and then. */
export function nextQuestionMs(asked: number): number {
  return asked < 8 ? 80 : 3000;
}
