/**
 * One event that is not in the list, as of a link: asked of the hub while someone subscribes, again where the hub could not say
 * just then, and kept as the socket tells of it. What may have been missed is asked for again, as of the list (`list.ts`), and
 * so is one that the hub did not have once something is heard of it.
 */
import type { HubClient } from "../api/client.ts";
import type { StoredEvent } from "../api/event.ts";
import { explain, passes, type Failure } from "../api/result.ts";
import type { HubMessage } from "../live/wire.ts";
import { Store, type Readable } from "../ui/store.ts";
import { EMPTY_FEED, withEvent, withNewest, withPicture, type Feed } from "./feed.ts";
import { Refetch } from "./refetch.ts";
import type { LiveSocket } from "./socket.ts";

export type LookupState =
  | { readonly kind: "loading" }
  | { readonly kind: "found"; readonly event: StoredEvent }
  | { readonly kind: "failed"; readonly message: string };

export class Lookup {
  private readonly store = new Store<LookupState>({ kind: "loading" }, () => this.begin());
  /** Of this event alone. */
  private feed: Feed = EMPTY_FEED;

  constructor(
    private readonly hub: Pick<HubClient, "event">,
    private readonly socket: Pick<LiveSocket, "state" | "listen">,
    private readonly id: string,
  ) {}

  get state(): Readable<LookupState> {
    return this.store;
  }

  private begin(): () => void {
    const { socket } = this;
    const life = new AbortController();
    const fetch = new Refetch(() => this.ask(life.signal));
    const unlisten = socket.listen((message) => this.heard(message, fetch));
    const unsubscribe = socket.state.subscribe(() => {
      if (socket.state.get().kind === "open") fetch.want();
    });
    fetch.want();
    return () => {
      fetch.stop();
      life.abort();
      unlisten();
      unsubscribe();
    };
  }

  private heard(message: HubMessage, fetch: Refetch): void {
    if (message.type === "resync") {
      fetch.want();
    } else if (message.type === "event" && message.event.id === this.id) {
      if (this.had) this.show(withEvent(this.feed, message.event));
      else fetch.want(); // With its picture, which may have come before.
    } else if (message.type === "picture" && message.event === this.id) {
      if (this.had) this.show(withPicture(this.feed, this.id, { revision: message.revision, hasCrop: message.hasCrop }));
      else fetch.want();
    }
  }

  /** Returns whether there is no more to ask for. */
  private async ask(life: AbortSignal): Promise<boolean> {
    const answer = await this.hub.event(this.id, life);
    if (answer.kind === "aborted") return true;
    if (answer.kind === "success") this.show(withNewest(this.feed, { events: [answer.value], next: null }));
    else if (!this.had) this.store.set({ kind: "failed", message: why(answer.failure) });
    return answer.kind === "success" || !passes(answer.failure);
  }

  private get had(): boolean {
    return this.feed.events.length > 0;
  }

  private show(feed: Feed): void {
    this.feed = feed;
    const event = feed.events[0];
    if (event !== undefined) this.store.set({ kind: "found", event });
  }
}

function why(failure: Failure): string {
  const unknown = failure.kind === "refused" && failure.status === 404;
  return unknown ? "The hub has no such event: it is no longer kept, or it has not come from its edge yet." : explain(failure);
}
