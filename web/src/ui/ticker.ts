/** The hub's wall clock as a value: one timer for all who look at it, none while nobody does. ms since the epoch. */
import { hubClock } from "../api/clock.ts";
import { Store, type Readable } from "./store.ts";

class Ticker implements Readable<number> {
  private readonly store: Store<number>;

  constructor(everyMs: number) {
    this.store = new Store(hubClock.at(Date.now()), () => {
      this.tick();
      const timer = setInterval(() => this.tick(), everyMs);
      return () => clearInterval(timer);
    });
  }

  readonly get = (): number => this.store.get();

  readonly subscribe = (listener: () => void): (() => void) => this.store.subscribe(listener);

  private tick(): void {
    this.store.set(hubClock.at(Date.now()));
  }
}

export const everySecond = new Ticker(1000);
export const everyMinute = new Ticker(60_000);
