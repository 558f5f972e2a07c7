/**
 * The stream's clock as the browser knows it, for the life of one session.
 *
 * The browser asks, the hub answers with the stream's time; half the round trip is taken as the way back. An answer
 * that came back fast can only be wrong by half its round trip, so the fastest of the last few is believed. Old ones
 * are forgotten, because clocks drift apart by some 10 µs a second.
 *
 * Two answers whose intervals do not meet prove that one of the clocks was set meanwhile: the edge's has found its time
 * server, or the browser's stood still while the computer slept. What was measured before is forgotten then. The hub
 * does the same with the edge's clock (`EdgeClock` in `cloud-hub/core/src/clock.rs`).
 *
 * This module reads no clock: `nowMs` is the browser's monotonic time (`performance.now()`).
 */

const KEPT = 12;
const FORGET_MS = 60_000;
/** Questions whose answer was lost; more than that are never under way. */
const PENDING = 16;
/** Crystals differ by up to 100 parts in a million: within `FORGET_MS` intervals may part by no more than this, unset. */
const DRIFT_US = 10_000;
/** A round trip longer than this says nothing of use: the computer slept between question and answer. */
const LONGEST_RTT_MS = 10_000;

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

/** `ignored`: not asked for, or of no use. `set`: it disproves what was believed, and that is forgotten. */
export type Answered = "ignored" | "kept" | "set";

export class StreamClock {
  private readonly pending = new Map<number, number>();
  private samples: readonly Sample[] = [];
  private lastId = 0;

  /** The number of a question that is sent at `nowMs`. */
  ask(nowMs: number): number {
    this.lastId = (this.lastId + 1) % 0xffff_ffff;
    this.pending.set(this.lastId, nowMs);
    const oldest = this.pending.keys().next();
    if (this.pending.size > PENDING && !oldest.done) this.pending.delete(oldest.value);
    return this.lastId;
  }

  answer(id: number, streamUs: number, nowMs: number): Answered {
    const askedMs = this.pending.get(id);
    if (askedMs === undefined) return "ignored";
    this.pending.delete(id);
    const rttMs = nowMs - askedMs;
    if (rttMs > LONGEST_RTT_MS) return "ignored";
    const sample = { atMs: nowMs, rttMs, offsetUs: streamUs - ((askedMs + nowMs) / 2) * 1000 };
    const believed = this.best();
    this.samples = [...this.samples.filter((old) => nowMs - old.atMs < FORGET_MS && meet(old, sample)), sample].slice(-KEPT);
    return believed === null || meet(believed, sample) ? "kept" : "set";
  }

  /** The best answer; null before the first. */
  reading(): ClockReading | null {
    return this.best();
  }

  /** The stream's time at `nowMs`, µs since the epoch; null before the first answer. */
  streamUs(nowMs: number): number | null {
    const reading = this.reading();
    return reading === null ? null : reading.offsetUs + nowMs * 1000;
  }

  /** Another session. Answers to what was asked in the one before are ignored. */
  clear(): void {
    this.pending.clear();
    this.samples = [];
  }

  /** The fastest, the newest of equals. */
  private best(): Sample | null {
    let best: Sample | null = null;
    for (const sample of this.samples) if (best === null || sample.rttMs <= best.rttMs) best = sample;
    return best;
  }
}

/** Each says that the truth is within half its round trip; both may be right. */
function meet(a: Sample, b: Sample): boolean {
  return Math.abs(a.offsetUs - b.offsetUs) <= (a.rttMs / 2 + b.rttMs / 2) * 1000 + DRIFT_US;
}

/** When to ask next: a burst at first, so that the first number shown is a good one, then now and then. */
export function nextQuestionMs(asked: number): number {
  return asked < 8 ? 80 : 3000;
}
