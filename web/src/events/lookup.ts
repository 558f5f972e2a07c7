/**
 * One event that is not in the list, as of a link: asked of the hub while someone subscribes, and again where the hub could not
 * say just then.
 */
import type { HubClient } from "../api/client.ts";
import type { StoredEvent } from "../api/event.ts";
import { explain, passes, type Failure } from "../api/result.ts";
import { Store, type Readable } from "../ui/store.ts";
import { Refetch } from "./refetch.ts";

export type LookupState =
  | { readonly kind: "loading" }
  | { readonly kind: "found"; readonly event: StoredEvent }
  | { readonly kind: "failed"; readonly message: string };

export class Lookup {
  private readonly store = new Store<LookupState>({ kind: "loading" }, () => this.begin());

  constructor(
    private readonly hub: Pick<HubClient, "event">,
    private readonly id: string,
  ) {}

  get state(): Readable<LookupState> {
    return this.store;
  }

  private begin(): () => void {
    const life = new AbortController();
    const fetch = new Refetch(() => this.ask(life.signal));
    fetch.want();
    return () => {
      fetch.stop();
      life.abort();
    };
  }

  /** Returns whether there is no more to ask for. */
  private async ask(life: AbortSignal): Promise<boolean> {
    const answer = await this.hub.event(this.id, life);
    if (answer.kind === "aborted") return true;
    if (answer.kind === "success") this.store.set({ kind: "found", event: answer.value });
    else this.store.set({ kind: "failed", message: why(answer.failure) });
    return answer.kind === "success" || !passes(answer.failure);
  }
}

function why(failure: Failure): string {
  const unknown = failure.kind === "refused" && failure.status === 404;
  return unknown ? "The hub has no such event: it is no longer kept, or it has not come from its edge yet." : explain(failure);
}
