/**
 * Pictures of events, fetched with the token and shown by object URL.
 *
 * Whoever takes one owes a `release()`; the last release revokes the URL. A handful are fetched at a time, so that a long
 * list does not delay the request that someone waits for. One that the hub could not give just then is asked for again,
 * for as long as somebody holds it; it stays `failed` meanwhile.
 */
import type { HubClient } from "../api/client.ts";
import type { View } from "../api/event.ts";
import { explain, passes } from "../api/result.ts";
import { Store, type Readable } from "../ui/store.ts";
import { Refetch } from "./refetch.ts";

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
  readonly fetch: Refetch;
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
    const entry = known ?? this.enter(event, view);
    entry.holders += 1;
    if (known === undefined) {
      this.entries.set(key, entry);
      entry.fetch.want();
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
        entry.fetch.stop();
        entry.life.abort();
        const state = entry.store.get();
        if (state.kind === "shown") URL.revokeObjectURL(state.url);
      },
    };
  }

  private enter(event: string, view: View): Entry {
    const store = new Store<PictureState>({ kind: "loading" });
    const life = new AbortController();
    return { store, life, fetch: new Refetch(() => this.load(event, view, store, life.signal)), holders: 0 };
  }

  /** Returns whether there is no more to ask for: it was had, or will not be there a moment later either. */
  private async load(event: string, view: View, store: Store<PictureState>, life: AbortSignal): Promise<boolean> {
    await this.turn();
    try {
      if (life.aborted) return true;
      const picture = await this.hub.picture(event, view, life);
      if (life.aborted || picture.kind === "aborted") return true;
      if (picture.kind === "success") store.set({ kind: "shown", url: URL.createObjectURL(picture.value) });
      else store.set({ kind: "failed", message: explain(picture.failure) });
      return picture.kind === "success" || !passes(picture.failure);
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
