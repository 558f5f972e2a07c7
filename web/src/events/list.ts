/**
 * Keeps the event list: the newest page over REST at first, and what the socket tells from then on. One list has one
 * filter; another filter is another list. It asks and listens while someone subscribes to its state.
 *
 * Whenever something may have been missed the page is fetched again, until it is had: when the hub has confirmed a new
 * sign-in on the socket (not earlier: what happens between the answer and the confirmation would be in neither), and
 * when it says that this page was too slow (`resync`). Meanwhile the list shows what it knows.
 */
import type { EventPage, HubClient } from "../api/client.ts";
import { explain, success, type Result } from "../api/result.ts";
import type { StoredEvent } from "../api/event.ts";
import type { HubMessage } from "../live/wire.ts";
import { Store, type Readable } from "../ui/store.ts";
import { EMPTY_FEED, LARGEST_PAGE, newestLimit, olderOf, PAGE, withEvent, withNewest, withOlder, withPicture, withRoom, type Feed } from "./feed.ts";
import { passes, queryOf, type EventFilter } from "./filter.ts";
import { Refetch } from "./refetch.ts";
import type { LiveSocket } from "./socket.ts";

export type OlderState =
  | { readonly kind: "none" }
  | { readonly kind: "there" }
  /** There are some, and the list is as long as it may be. */
  | { readonly kind: "full" }
  | { readonly kind: "loading" }
  | { readonly kind: "failed"; readonly message: string };

export type ListState =
  | { readonly kind: "loading" }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "ready"; readonly feed: Feed; readonly older: OlderState };

export class EventList {
  private readonly store = new Store<ListState>({ kind: "loading" }, () => this.begin());
  private life = new AbortController();
  private newest: Refetch | null = null;
  private feed: Feed = EMPTY_FEED;
  /** Pages of older ones that were added so far. */
  private pages = 0;

  constructor(
    private readonly hub: HubClient,
    private readonly socket: Pick<LiveSocket, "state" | "listen">,
    private readonly filter: EventFilter,
  ) {}

  get state(): Readable<ListState> {
    return this.store;
  }

  /** Fetches the newest page, now where that is only waited for. */
  refresh(): void {
    this.newest?.want();
  }

  async loadOlder(): Promise<void> {
    const state = this.store.get();
    const before = this.feed.next;
    if (state.kind !== "ready" || state.older.kind === "loading" || state.older.kind === "full" || before === null) return;
    this.feed = withRoom(this.feed);
    this.store.set({ kind: "ready", feed: this.feed, older: { kind: "loading" } });
    const page = await this.hub.events({ ...queryOf(this.filter), before, limit: PAGE }, this.life.signal);
    if (page.kind === "aborted") return;
    // Where the list has started again meanwhile, these would follow on a hole.
    if (page.kind === "success" && this.feed.next === before) {
      this.feed = withOlder(this.feed, page.value);
      this.pages += 1;
    }
    const older: OlderState = page.kind === "success" ? this.older() : { kind: "failed", message: explain(page.failure) };
    this.store.set({ kind: "ready", feed: this.feed, older });
  }

  private begin(): () => void {
    const { socket } = this;
    const life = new AbortController();
    const newest = new Refetch(() => this.fetchNewest(life.signal));
    this.life = life;
    this.newest = newest;
    const unlisten = socket.listen((message) => this.heard(message));
    const unsubscribe = socket.state.subscribe(() => {
      if (socket.state.get().kind === "open") newest.want();
    });
    newest.want();
    return () => {
      newest.stop();
      life.abort();
      unlisten();
      unsubscribe();
    };
  }

  private heard(message: HubMessage): void {
    if (message.type === "event" && passes(this.filter, message.event)) {
      this.change(withEvent(this.feed, message.event));
    } else if (message.type === "picture") {
      this.change(withPicture(this.feed, message.event, { revision: message.revision, hasCrop: message.hasCrop }));
    } else if (message.type === "resync") {
      this.newest?.want();
    }
  }

  private async fetchNewest(signal: AbortSignal): Promise<boolean> {
    const { pages } = this;
    const page = await this.fetch(newestLimit(this.feed), signal);
    if (page.kind === "success" && this.pages !== pages) {
      // It was asked for when the list was shorter, and would take away what was loaded since.
      this.newest?.want();
    } else if (page.kind === "success") {
      this.feed = withNewest(this.feed, page.value);
      this.store.set({ kind: "ready", feed: this.feed, older: this.older() });
    } else if (page.kind === "error" && this.store.get().kind !== "ready") {
      this.store.set({ kind: "failed", message: explain(page.failure) });
    }
    return page.kind === "success";
  }

  /** As many as that or all that there are, in as few pages as the hub gives. */
  private async fetch(wanted: number, signal: AbortSignal): Promise<Result<EventPage>> {
    const events: StoredEvent[] = [];
    let before: { before?: string } = {};
    for (let left = wanted; ; left -= LARGEST_PAGE) {
      const page = await this.hub.events({ ...queryOf(this.filter), ...before, limit: Math.min(LARGEST_PAGE, left) }, signal);
      if (page.kind !== "success") return page;
      const { next } = page.value;
      events.push(...page.value.events);
      if (next === null || left <= LARGEST_PAGE) return success({ events, next });
      before = { before: next };
    }
  }

  private older(): OlderState {
    return { kind: olderOf(this.feed) };
  }

  private change(feed: Feed): void {
    this.feed = feed;
    this.store.update((state) => {
      if (state.kind !== "ready") return state;
      return { ...state, feed, older: state.older.kind === "none" ? this.older() : state.older };
    });
  }
}
