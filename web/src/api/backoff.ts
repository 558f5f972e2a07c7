/** How long to wait before trying again: doubling from half a second to ten, with jitter, so that many pages that lost
 * one hub do not come back in the same instant. */

const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/** `attempt` counts from 0; `random` is in [0, 1). Between half of the step and the whole of it. */
export function backoffMs(attempt: number, random: number): number {
  const step = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(step * (0.5 + random / 2));
}
