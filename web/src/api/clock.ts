/**
 * The hub's wall clock, as each of its answers tells it (`Date`, RFC 9110 §6.6.1, to the second). What the page says of how long
 * ago something was would else be of a tablet's clock, which may be minutes off.
 */

/** Less is not told from how long an answer takes. */
const LEAST_MS = 5000;

class HubClock {
  private aheadMs = 0;

  /** From an answer that came at `nowMs` of this computer's clock. */
  heard(date: string | null, nowMs: number): void {
    const hubMs = Date.parse(date ?? "");
    if (Number.isNaN(hubMs)) return;
    const aheadMs = hubMs + 500 - nowMs;
    this.aheadMs = Math.abs(aheadMs) < LEAST_MS ? 0 : aheadMs;
  }

  /** The hub's time when this computer's clock is at `nowMs`; ms since the epoch. */
  at(nowMs: number): number {
    return nowMs + this.aheadMs;
  }
}

export const hubClock = new HubClock();
