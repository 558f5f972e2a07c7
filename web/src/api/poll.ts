/** Asks the hub the same question again and again: the next one when the last has been answered and some time has passed. */
import { Store, type Readable } from "../ui/store.ts";
import { backoffMs } from "./backoff.ts";
import type { Result } from "./result.ts";

/** What the hub said, or why it said nothing. */
export type Answer<T> = Exclude<Result<T>, { readonly kind: "aborted" }>;

interface Question<S, T> {
  /** What is shown before there is an answer. */
  readonly first: S;
  readonly ask: (signal: AbortSignal) => Promise<Result<T>>;
  /** What is shown from an answer on. */
  readonly next: (before: S, answer: Answer<T>) => S;
  readonly everyMs: number;
}

/** Asks from the beginning on. Whoever made it owes it a `stop()`. */
export class Poll<S, T> {
  private readonly store: Store<S>;
  private readonly life = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;

  constructor(private readonly question: Question<S, T>) {
    this.store = new Store(question.first);
    void this.ask();
  }

  get state(): Readable<S> {
    return this.store;
  }

  stop(): void {
    this.life.abort();
    clearTimeout(this.timer);
  }

  private async ask(): Promise<void> {
    try {
      const answer = await this.question.ask(this.life.signal);
      if (answer.kind === "aborted" || this.life.signal.aborted) return;
      this.failures = answer.kind === "success" ? 0 : this.failures + 1;
      this.store.update((before) => this.question.next(before, answer));
    } catch (error) {
      console.error("an answer of the hub could not be taken", error); // The next one may be better.
    }
    this.timer = setTimeout(() => void this.ask(), nextMs(this.question.everyMs, this.failures, Math.random()));
  }
}

/**
 * When the next question is asked, after so many failures one after the other; `random` is in [0, 1). Pages that were opened, or
 * lost their hub, in one instant do not ask in one instant for ever.
 */
export function nextMs(everyMs: number, failures: number, random: number): number {
  return Math.max(everyMs * (0.9 + random / 5), failures === 0 ? 0 : backoffMs(failures, random));
}
