/**
 * The hub's wall clock, as each of its answers tells it (`Date`, RFC 9110 §6.6.1, to the second). What the page says of how long
 * ago something was would else be of a tablet's clock, which may be minutes off.
 *
 * An answer tells only between which bounds the hub is ahead: it said the second at some moment between question and answer. What
 * was found stays while it lies within those of each further answer, so that times on the page don't jump to and fro.
 */

/**
 * Beyond the bounds by less is still the same. Where an answer took a second at most, what was found and the truth are no further
 * apart than this, so that no answer that follows moves it again. What was found by a slower one, a fast one puts right.
 */
const SLACK_MS = 1000;

class HubClock {
  private aheadMs = 0;

  /** From an answer that was asked for at `askedMs` and came at `nowMs` of this computer's clock. */
  heard(date: string | null, askedMs: number, nowMs: number): void {
    const hubMs = Date.parse(date ?? "");
    if (Number.isNaN(hubMs) || nowMs < askedMs) return; // This computer's clock was set meanwhile.
    const least = hubMs - nowMs;
    const most = hubMs + 1000 - askedMs;
    const fits = (aheadMs: number): boolean => aheadMs >= least - SLACK_MS && aheadMs <= most + SLACK_MS;
    if (fits(this.aheadMs)) return;
    this.aheadMs = fits(0) ? 0 : (least + most) / 2; // Its own to the millisecond, where that may be right.
  }

  /** The hub's time when this computer's clock is at `nowMs`; ms since the epoch. */
  at(nowMs: number): number {
    return nowMs + this.aheadMs;
  }
}

export const hubClock = new HubClock();
