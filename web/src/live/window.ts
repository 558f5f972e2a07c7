/** Numbers of the last few seconds, and what to say of them. Reads no clock. */
import { hasStopped } from "./rhythm.ts";

export interface Spread {
  readonly p50: number;
  readonly p95: number;
  readonly count: number;
}

export class SlidingWindow {
  private entries: { readonly atMs: number; readonly value: number }[] = [];

  /**
   * `bound` entries at most, whatever the rate; the oldest give way. Where they come more seldom than the window is long, the
   * last two stay for as long as they are a rhythm.
   */
  constructor(
    private readonly lengthMs: number,
    private readonly bound = 1024,
  ) {}

  push(value: number, nowMs: number): void {
    this.entries.push({ atMs: nowMs, value });
    this.forget(nowMs);
  }

  /** Null while the window is empty. */
  spread(nowMs: number): Spread | null {
    this.forget(nowMs);
    if (this.entries.length === 0) return null;
    const sorted = this.entries.map((entry) => entry.value).toSorted((a, b) => a - b);
    return { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), count: sorted.length };
  }

  /** Entries a second, over the span that they cover; null below two. */
  rate(nowMs: number): number | null {
    this.forget(nowMs);
    const first = this.entries[0];
    const last = this.entries.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return null;
    return ((this.entries.length - 1) * 1000) / (last.atMs - first.atMs);
  }

  clear(): void {
    this.entries = [];
  }

  private forget(nowMs: number): void {
    const [before, last] = this.entries.slice(-2);
    const goesOn = last !== undefined && before !== undefined && !hasStopped(last.atMs - before.atMs, nowMs - last.atMs, 0);
    const most = this.entries.length - (goesOn ? 2 : 0);
    let gone = Math.max(0, this.entries.length - this.bound);
    while (gone < most && nowMs - this.entries[gone]!.atMs > this.lengthMs) gone += 1;
    if (gone > 0) this.entries.splice(0, gone);
  }
}

/** By the nearest rank: the smallest value that at least a share `q` of all do not exceed. */
export function quantile(sorted: readonly number[], q: number): number {
  const rank = Math.max(1, Math.ceil(q * sorted.length));
  return sorted[Math.min(rank, sorted.length) - 1] ?? Number.NaN;
}
