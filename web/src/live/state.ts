/**
 * How the live picture of one stream fares, as a pure machine: a state and something that happened give the next state.
 *
 *     connecting ──answered──▶ waiting ──picture──▶ playing ──silent──▶ stalled
 *        ▲  │                     │                    │ ▲                 │ │
 *        │  │                     │                    │ └─────picture─────┘ │
 *        │  └──────setback────────┴──────setback───────┴───────setback───────┤
 *        └───────────────────────connect─────────────────────── retrying ◀───┘
 *
 * From each, `left` leads to `away`, and `connect` from there to `connecting`. Where the browser refuses to play by itself, waiting,
 * playing and stalled lead to `blocked`, and that, with the first picture, to `playing`.
 */

export type LiveState =
  /** Offer sent. `attempt` counts from 0 since the last picture; `because`: what became of the one before. */
  | { readonly kind: "connecting"; readonly attempt: number; readonly because: Setback | null }
  /** The hub has answered; no picture yet. */
  | { readonly kind: "waiting"; readonly attempt: number }
  | { readonly kind: "playing" }
  /** Connected, but this browser plays only what the person starts. */
  | { readonly kind: "blocked"; readonly attempt: number }
  /** Connected, but the pictures have stopped. `lastMs`: when the last one came. */
  | { readonly kind: "stalled"; readonly lastMs: number }
  /** Tried again by itself at `atMs`: a camera may change, a hub may come back. */
  | { readonly kind: "retrying"; readonly attempt: number; readonly atMs: number; readonly because: Setback }
  /** Nobody sees the page (`leaving.ts`), so nothing is asked for. */
  | { readonly kind: "away" };

/** `refused`: the hub says why this stream can't be played. `message` is a sentence. */
export interface Setback {
  readonly kind: "lost" | "refused";
  readonly message: string;
}

export type Happening =
  | { readonly kind: "connect" }
  | { readonly kind: "answered" }
  | { readonly kind: "blocked" }
  | { readonly kind: "picture" }
  | { readonly kind: "silent"; readonly lastMs: number }
  | { readonly kind: "setback"; readonly because: Setback; readonly atMs: number }
  | { readonly kind: "left" };

/** Times are the browser's monotonic clock, ms. */
export function step(state: LiveState, happening: Happening): LiveState {
  switch (happening.kind) {
    case "connect":
      return { kind: "connecting", attempt: attemptOf(state), because: state.kind === "retrying" ? state.because : null };
    case "answered":
      return state.kind === "connecting" ? { kind: "waiting", attempt: state.attempt } : state;
    case "blocked":
      return state.kind === "waiting" || state.kind === "playing" || state.kind === "stalled" ? { kind: "blocked", attempt: attemptOf(state) } : state;
    case "picture":
      return state.kind === "waiting" || state.kind === "blocked" || state.kind === "stalled" ? { kind: "playing" } : state;
    case "silent":
      return state.kind === "playing" ? { kind: "stalled", lastMs: happening.lastMs } : state;
    case "setback":
      return { kind: "retrying", attempt: attemptOf(state) + 1, atMs: happening.atMs, because: happening.because };
    case "left":
      return { kind: "away" };
  }
}

/** Attempts since the last picture. */
export function attemptOf(state: LiveState): number {
  return "attempt" in state ? state.attempt : 0;
}
