/** A value that changes, and who wants to know. What React subscribes to; it knows nothing of React. */

export interface Readable<T> {
  get(): T;
  /** Returns what ends the subscription. */
  subscribe(listener: () => void): () => void;
}

export class Store<T> implements Readable<T> {
  private readonly listeners = new Set<() => void>();
  private value: T;
  private end: (() => void) | null = null;

  /** `begin` is called when someone subscribes and nobody did before; what it returns, when nobody does any more. */
  constructor(
    initial: T,
    private readonly begin: () => () => void = () => NOTHING,
  ) {
    this.value = initial;
  }

  readonly get = (): T => this.value;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    this.end ??= this.begin();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      this.end?.();
      this.end = null;
    };
  };

  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const listener of this.listeners) listener();
  }

  update(change: (value: T) => T): void {
    this.set(change(this.value));
  }
}

const NOTHING = (): void => {
  // There is nothing to end.
};
