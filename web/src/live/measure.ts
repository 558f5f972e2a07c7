/**
 * What the viewer measures of itself: how long after its capture a picture is shown, and on which frame boxes are drawn.
 *
 * Each analysed frame comes to one outcome:
 *
 * - `with-frame`: its boxes were there when it was shown, and were drawn with it.
 * - `while-shown`: they came while it was still on screen, and were drawn over it.
 * - `late`: it was shown, but was gone when its boxes came. In live mode expected; in exact mode a fault.
 * - `not-shown`: the browser never showed it (two frames within one refresh of the screen, or before the first picture),
 *   or the page passed it over (`backlog.ts`).
 *
 * Reads no clock. Browser times are monotonic ms; stream times are µs since the epoch.
 */
import type { Drawn } from "./boxes.ts";
import { captureUs, rtpDifference } from "./rtp.ts";
import { SlidingWindow, type Spread } from "./window.ts";
import type { Boxes } from "./wire.ts";

export const WINDOW_MS = 5000;
const LOG = 4096;
const PENDING = 256;

export type Outcome = "pending" | "with-frame" | "while-shown" | "late" | "not-shown";

export interface FrameRecord {
  readonly rtp: number | null;
  /**
   * When the frame was handed over for showing, and when the browser expected it on the glass. In exact mode both are
   * when the page painted the frame, which is later than the video element beneath had it.
   */
  readonly callbackMs: number;
  readonly expectedMs: number;
  /** Capture → the later of the two; null while the stream's clock is not known. */
  readonly latencyMs: number | null;
  readonly drawn: Drawn["kind"];
  /** Frame that the drawn boxes are of. */
  readonly boxesRtp: number | null;
}

export interface AnalysedRecord {
  readonly rtp: number;
  readonly timeUs: number;
  /** How many boxes. */
  readonly count: number;
  readonly receivedMs: number;
  outcome: Outcome;
  /** Capture → drawn on its own frame; null where that did not happen or the clock is not known. */
  latencyMs: number | null;
}

export interface Counters {
  framesPresented: number;
  framesWithOwnBoxes: number;
  framesWithHeldBoxes: number;
  framesWithoutBoxes: number;
  boxesReceived: number;
  boxesWithFrame: number;
  boxesWhileShown: number;
  boxesLate: number;
  analysedNotShown: number;
}

const ZERO: Counters = {
  framesPresented: 0,
  framesWithOwnBoxes: 0,
  framesWithHeldBoxes: 0,
  framesWithoutBoxes: 0,
  boxesReceived: 0,
  boxesWithFrame: 0,
  boxesWhileShown: 0,
  boxesLate: 0,
  analysedNotShown: 0,
};

export class Measure {
  counters: Counters = { ...ZERO };
  frames: FrameRecord[] = [];
  analysed: AnalysedRecord[] = [];
  private readonly latency = new SlidingWindow(WINDOW_MS);
  private readonly presented = new SlidingWindow(WINDOW_MS);
  private readonly looks = new SlidingWindow(WINDOW_MS);
  private readonly pending = new Map<number, AnalysedRecord>();
  private readonly shown = new Set<number>();
  private current: number | null = null;

  /** A frame is shown with what was drawn on it. `streamNowUs`: the stream's time at `callbackMs`. */
  frame(rtp: number | null, callbackMs: number, expectedMs: number, streamNowUs: number | null, drawn: Drawn): void {
    const shownMs = Math.max(callbackMs, expectedMs);
    const latencyMs =
      rtp === null || streamNowUs === null ? null : (streamNowUs - captureUs(rtp, streamNowUs)) / 1000 + (shownMs - callbackMs);
    this.counters.framesPresented += 1;
    if (drawn.kind === "own") this.counters.framesWithOwnBoxes += 1;
    else if (drawn.kind === "held") this.counters.framesWithHeldBoxes += 1;
    else this.counters.framesWithoutBoxes += 1;
    this.presented.push(1, callbackMs);
    if (latencyMs !== null) this.latency.push(latencyMs, callbackMs);
    keep(this.frames, {
      rtp,
      callbackMs,
      expectedMs,
      latencyMs,
      drawn: drawn.kind,
      boxesRtp: drawn.kind === "none" ? null : drawn.boxes.rtp,
    });
    if (rtp === null) return;
    this.current = rtp;
    this.shown.add(rtp);
    if (this.shown.size > PENDING) forgetFirst(this.shown);
    for (const [at, record] of this.pending) {
      const difference = rtpDifference(rtp, at);
      if (difference < 0) continue;
      this.pending.delete(at);
      this.settle(record, difference === 0 ? "with-frame" : "not-shown", latencyMs);
    }
  }

  /** Boxes arrived. */
  boxes(boxes: Boxes, nowMs: number, streamNowUs: number | null): void {
    this.counters.boxesReceived += 1;
    this.looks.push(1, nowMs);
    const record: AnalysedRecord = {
      rtp: boxes.rtp,
      timeUs: boxes.timeUs,
      count: boxes.boxes.length,
      receivedMs: nowMs,
      outcome: "pending",
      latencyMs: null,
    };
    keep(this.analysed, record);
    if (this.current === null || rtpDifference(boxes.rtp, this.current) > 0) {
      this.pending.set(boxes.rtp, record);
      if (this.pending.size > PENDING) forgetFirst(this.pending);
    } else if (boxes.rtp === this.current) {
      this.settle(record, "while-shown", streamNowUs === null ? null : (streamNowUs - boxes.timeUs) / 1000);
    } else {
      this.settle(record, this.shown.has(boxes.rtp) ? "late" : "not-shown", null);
    }
  }

  /** Capture → shown over the last five seconds. */
  latencySpread(nowMs: number): Spread | null {
    return this.latency.spread(nowMs);
  }

  framesPerSecond(nowMs: number): number | null {
    return this.presented.rate(nowMs);
  }

  looksPerSecond(nowMs: number): number | null {
    return this.looks.rate(nowMs);
  }

  /** Of the analysed frames that were shown, the share whose boxes were drawn on that very frame; null before the first. */
  boxesOnTheirFrame(): number | null {
    const { boxesWithFrame, boxesWhileShown, boxesLate } = this.counters;
    const all = boxesWithFrame + boxesWhileShown + boxesLate;
    return all === 0 ? null : (boxesWithFrame + boxesWhileShown) / all;
  }

  /** The stream's clock is another than it seemed: what was measured by it is forgotten. */
  clockSet(): void {
    this.latency.clear();
  }

  /** Begins to count anew; what is under way stays known. */
  reset(): void {
    this.counters = { ...ZERO };
    this.frames = [];
    this.analysed = [];
    this.latency.clear();
    this.presented.clear();
    this.looks.clear();
    this.pending.clear();
  }

  private settle(record: AnalysedRecord, outcome: Outcome, latencyMs: number | null): void {
    record.outcome = outcome;
    if (outcome === "with-frame" || outcome === "while-shown") record.latencyMs = latencyMs;
    if (outcome === "with-frame") this.counters.boxesWithFrame += 1;
    else if (outcome === "while-shown") this.counters.boxesWhileShown += 1;
    else if (outcome === "late") this.counters.boxesLate += 1;
    else this.counters.analysedNotShown += 1;
  }
}

function keep<T>(log: T[], entry: T): void {
  log.push(entry);
  if (log.length > LOG) log.splice(0, LOG / 4);
}

function forgetFirst(collection: Set<number> | Map<number, unknown>): void {
  const first = collection.keys().next();
  if (!first.done) collection.delete(first.value);
}
