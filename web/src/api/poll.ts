/** Asks the hub the same question again and again: the next one when the last has been answered and some time has passed. */
import { Store, type Readable } from "../ui/store.ts";
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
      this.store.update((before) => this.question.next(before, answer));
    } catch (error) {
      console.error("an answer of the hub could not be taken", error); // The next one may be better.
    }
    this.timer = setTimeout(() => void this.ask(), this.question.everyMs);
  }
}
