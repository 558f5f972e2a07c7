/**
 * `window.__omma`: what the benchmarks and the browser tests read of the live picture. For measuring only; the page
 * itself does not use it. Everything in it is measured, see `measure.ts` for what each word means.
 */
import type { ClockReading } from "./clock.ts";
import type { AnalysedRecord, Counters, FrameRecord } from "./measure.ts";
import type { LivePlayer } from "./player.ts";
import type { LiveState } from "./state.ts";
import type { Spread } from "./window.ts";
import type { Mode } from "./wire.ts";

export interface LiveProbe {
  readonly stream: string;
  readonly state: LiveState["kind"];
  /** Confirmed by the hub; null before. */
  readonly mode: Mode | null;
  /** How long the browser is to hold pictures back, and how long after its capture the page shows one. */
  readonly delayMs: number | null;
  readonly holdMs: number | null;
  readonly counters: Counters;
  /** Of the analysed frames that were shown, the share whose boxes were drawn on that very frame. */
  readonly boxesOnTheirFrame: number | null;
  /** Capture → shown, ms, over the last five seconds. */
  readonly latency: Spread | null;
  readonly clock: ClockReading | null;
  /** The last 3,000 to 4,000 frames shown, and frames analysed. */
  readonly frames: readonly FrameRecord[];
  readonly analysed: readonly AnalysedRecord[];
}

export interface Probe {
  readonly version: 1;
  /** The live tile as it is at this moment; null while there is none. A copy. */
  live(): LiveProbe | null;
  /** Begins to count anew. */
  reset(): void;
}

declare global {
  interface Window {
    __omma?: Probe;
  }
}

/** Makes one player readable; returns what takes it away again. */
export function expose(player: LivePlayer): () => void {
  const probe: Probe = { version: 1, live: () => read(player), reset: () => player.measure.reset() };
  window.__omma = probe;
  return () => {
    if (window.__omma === probe) window.__omma = EMPTY;
  };
}

const EMPTY: Probe = {
  version: 1,
  live: () => null,
  reset: () => {
    // There is nothing to count.
  },
};

function read(player: LivePlayer): LiveProbe {
  const { state, mode } = player.view.get();
  const { measure, clock } = player;
  return {
    stream: player.stream,
    state: state.kind,
    mode: mode?.mode ?? null,
    delayMs: mode?.delayMs ?? null,
    holdMs: mode?.holdMs ?? null,
    counters: { ...measure.counters },
    boxesOnTheirFrame: measure.boxesOnTheirFrame(),
    latency: measure.latencySpread(performance.now()),
    clock: clock.reading(),
    frames: [...measure.frames],
    analysed: structuredClone(measure.analysed),
  };
}
