/**
 * Pictures of events, fetched with the token and shown by object URL.
 *
 * Whoever takes one owes a `release()`; the last release revokes the URL. A handful are fetched at a time, so that a long
 * list does not delay the request that someone waits for.
 */
import type { HubClient } from "../api/client.ts";
import type { View } from "../api/event.ts";
import { explain } from "../api/result.ts";
import { Store, type Readable } from "../ui/store.ts";

const AT_ONCE = 4;

export type PictureState =
  | { readonly kind: "loading" }
  | { readonly kind: "shown"; readonly url: string }
  | { readonly kind: "failed"; readonly message: string };

export interface Loan {
  readonly state: Readable<PictureState>;
  release(): void;
}

interface Entry {
  readonly store: Store<PictureState>;
  readonly life: AbortController;
  holders: number;
}

export class Pictures {
  private readonly entries = new Map<string, Entry>();
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(private readonly hub: HubClient) {}

  take(event: string, revision: number, view: View): Loan {
    const key = `${event}/${revision}/${view}`;
    const known = this.entries.get(key);
    const entry = known ?? { store: new Store<PictureState>({ kind: "loading" }), life: new AbortController(), holders: 0 };
    entry.holders += 1;
    if (known === undefined) {
      this.entries.set(key, entry);
      void this.load(event, view, entry);
    }
    let held = true;
    return {
      state: entry.store,
      release: () => {
        if (!held) return;
        held = false;
        entry.holders -= 1;
        if (entry.holders > 0) return;
        this.entries.delete(key);
        entry.life.abort();
        const state = entry.store.get();
        if (state.kind === "shown") URL.revokeObjectURL(state.url);
      },
    };
  }

  private async load(event: string, view: View, entry: Entry): Promise<void> {
    await this.turn();
    try {
      if (entry.life.signal.aborted) return;
      const picture = await this.hub.picture(event, view, entry.life.signal);
      if (entry.life.signal.aborted || picture.kind === "aborted") return;
      if (picture.kind === "success") entry.store.set({ kind: "shown", url: URL.createObjectURL(picture.value) });
      else entry.store.set({ kind: "failed", message: explain(picture.failure) });
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running -= 1;
      else next(); // Its place goes to the one that has waited longest.
    }
  }

  private async turn(): Promise<void> {
    if (this.running < AT_ONCE) this.running += 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}
