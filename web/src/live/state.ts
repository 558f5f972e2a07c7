/**
 * How the live picture of one stream fares, as a pure machine: a state and something that happened give the next state.
 *
 *     connecting ─connected──▶ waiting ──picture──▶ playing ──silent──▶ stalled
 *        ▲  │                     │                    │ ▲                 │ │
 *        │  │                     │                    │ └─────picture─────┘ │
 *        │  └──────setback────────┴──────setback───────┴───────setback───────┤
 *        └───────────────────────connect─────────────────────── retrying ◀───┘
 *
 * From each, `left` leads to `away`, and `connect` from there to `connecting`. Where the browser refuses to play by itself, waiting,
 * playing and stalled lead to `blocked`, and that, with the first picture, to `playing`.
 */

export type LiveState =
  /** Offer sent. `attempt` counts from 0 since it last played for a while; `because`: what became of the one before. */
  | { readonly kind: "connecting"; readonly attempt: number; readonly because: Setback | null }
  /** Connected; no picture yet. */
  | { readonly kind: "waiting"; readonly attempt: number }
  /** `sinceMs`: from the first picture on. */
  | { readonly kind: "playing"; readonly attempt: number; readonly sinceMs: number }
  /** Connected, but this browser plays only what the person starts. */
  | { readonly kind: "blocked"; readonly attempt: number }
  /** Connected, but the pictures have stopped. `lastMs`: when the last one came. */
  | { readonly kind: "stalled"; readonly lastMs: number; readonly attempt: number; readonly sinceMs: number }
  /** Tried again by itself at `atMs`: a camera may change, a hub may come back. */
  | { readonly kind: "retrying"; readonly attempt: number; readonly atMs: number; readonly because: Setback }
  /** Nobody sees the page (`leaving.ts`), so nothing is asked for. */
  | { readonly kind: "away" };

/**
 * `refused`: the hub says why this stream can't be played. `no-way`: it has answered, and nothing came through where pictures do.
 * `message` is a sentence.
 */
export interface Setback {
  readonly kind: "lost" | "refused" | "no-way";
  readonly message: string;
}

/** A session that played for so long counts as good: the next failure starts from the shortest wait. */
const GOOD_MS = 5000;

export type Happening =
  | { readonly kind: "connect" }
  | { readonly kind: "connected" }
  | { readonly kind: "blocked" }
  | { readonly kind: "picture"; readonly nowMs: number }
  | { readonly kind: "silent"; readonly lastMs: number }
  /** `nowMs`: when it happened. `atMs`: when it is tried again. */
  | { readonly kind: "setback"; readonly because: Setback; readonly nowMs: number; readonly atMs: number }
  | { readonly kind: "left" };

/** Times are the browser's monotonic clock, ms. */
export function step(state: LiveState, happening: Happening): LiveState {
  switch (happening.kind) {
    case "connect":
      return { kind: "connecting", attempt: "attempt" in state ? state.attempt : 0, because: state.kind === "retrying" ? state.because : null };
    case "connected":
      return state.kind === "connecting" ? { kind: "waiting", attempt: state.attempt } : state;
    case "blocked":
      return state.kind === "waiting" || state.kind === "playing" || state.kind === "stalled" ? { kind: "blocked", attempt: state.attempt } : state;
    case "picture":
      if (state.kind === "stalled") return { kind: "playing", attempt: state.attempt, sinceMs: state.sinceMs };
      if (state.kind !== "waiting" && state.kind !== "blocked") return state;
      return { kind: "playing", attempt: state.attempt, sinceMs: happening.nowMs };
    case "silent":
      return state.kind === "playing" ? { ...state, kind: "stalled", lastMs: happening.lastMs } : state;
    case "setback":
      return { kind: "retrying", attempt: attemptOf(state, happening.nowMs) + 1, atMs: happening.atMs, because: happening.because };
    case "left":
      return { kind: "away" };
  }
}

/** Attempts since it last played for a while. One that ends with its first picture is no better than one without. */
export function attemptOf(state: LiveState, nowMs: number): number {
  if (state.kind === "away") return 0;
  const wasGood = (state.kind === "playing" || state.kind === "stalled") && nowMs - state.sinceMs >= GOOD_MS;
  return wasGood ? 0 : state.attempt;
}
