/**
 * Fetches something whenever that is wanted, one request at a time, and until it is had.
 *
 *     idle ──want──▶ asking ──had──▶ idle
 *                     │ ▲ └──had, wanted again meanwhile──▶ resting ─┐
 *                     │ └──────────────after a moment────────────────┘
 *                     └──failed──▶ waiting ──after a back-off, or wanted──▶ asking
 *
 * What is wanted while a request is under way may not be in its answer any more; so it is asked once more, but not
 * at once: a page that is told again and again that it is too slow must not be made slower by that.
 *
 * Whoever made one owes it a `stop()`.
 */
import { backoffMs } from "../api/backoff.ts";

export class Refetch {
  private state: "idle" | "asking" | "resting" | "waiting" = "idle";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private again = false;
  private failures = 0;
  private stopped = false;

  /** `ask` resolves to whether it was had, and never rejects. */
  constructor(private readonly ask: () => Promise<boolean>) {}

  want(): void {
    if (this.stopped || this.state === "resting") return;
    if (this.state === "asking") this.again = true;
    else void this.run();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async run(): Promise<void> {
    clearTimeout(this.timer);
    this.state = "asking";
    this.again = false;
    const had = await this.ask();
    if (this.stopped) return;
    const attempt = had ? 0 : this.failures;
    this.failures = had ? 0 : this.failures + 1;
    if (had && !this.again) {
      this.state = "idle";
      return;
    }
    this.state = had ? "resting" : "waiting";
    this.timer = setTimeout(() => void this.run(), backoffMs(attempt, Math.random()));
  }
}
