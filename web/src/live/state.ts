/**
 * How the live picture of one stream fares, as a pure machine: a state and something that happened give the next state.
 *
 *     connecting ──answered──▶ waiting ──picture──▶ playing ◀──picture── stalled
 *         ▲  │                    │                    │ ──silent──────────▲ │
 *         │  ├──refused──▶ refused (the hub's own reason)                    │
 *         │  └──lost─────▶ retrying ◀────────────lost────────────────────────┘
 *         └──────connect──────┴──(refused is tried again too, a camera may change)
 */

export type LiveState =
  /** Offer sent. `attempt` counts from 0 since the last picture. */
  | { readonly kind: "connecting"; readonly attempt: number }
  /** The hub has answered; no picture yet. */
  | { readonly kind: "waiting"; readonly attempt: number }
  | { readonly kind: "playing" }
  /** Connected, but the pictures have stopped. `lastMs`: when the last one came. */
  | { readonly kind: "stalled"; readonly lastMs: number }
  /** Tried again by itself at `atMs`. `reason` is a sentence. */
  | { readonly kind: "retrying"; readonly attempt: number; readonly atMs: number; readonly reason: string }
  /** The hub says why this stream can't be played; asked again at `atMs`. */
  | { readonly kind: "refused"; readonly attempt: number; readonly atMs: number; readonly message: string };

export type Happening =
  | { readonly kind: "connect" }
  | { readonly kind: "answered" }
  | { readonly kind: "picture" }
  | { readonly kind: "silent"; readonly lastMs: number }
  | { readonly kind: "lost"; readonly reason: string; readonly atMs: number }
  | { readonly kind: "refused"; readonly message: string; readonly atMs: number };

/** Times are the browser's monotonic clock, ms. */
export function step(state: LiveState, happening: Happening): LiveState {
  switch (happening.kind) {
    case "connect":
      return { kind: "connecting", attempt: attemptOf(state) };
    case "answered":
      return state.kind === "connecting" ? { kind: "waiting", attempt: state.attempt } : state;
    case "picture":
      return state.kind === "waiting" || state.kind === "stalled" ? { kind: "playing" } : state;
    case "silent":
      return state.kind === "playing" ? { kind: "stalled", lastMs: happening.lastMs } : state;
    case "lost":
      return { kind: "retrying", attempt: attemptOf(state) + 1, atMs: happening.atMs, reason: happening.reason };
    case "refused":
      return { kind: "refused", attempt: attemptOf(state) + 1, atMs: happening.atMs, message: happening.message };
  }
}

/** Attempts since the last picture. */
export function attemptOf(state: LiveState): number {
  return state.kind === "playing" || state.kind === "stalled" ? 0 : state.attempt;
}
