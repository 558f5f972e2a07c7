/**
 * The WebSocket `/api/v1/live`: what happens on all streams, as it happens. Connects again by itself.
 *
 * The token is the first message, not a part of the address. A refused token shows as a 401 of the next question for
 * the cameras, so no guess is made here from how the socket closed.
 */
import { backoffMs } from "../api/backoff.ts";
import { sentence } from "../api/result.ts";
import type { HubMessage } from "../live/wire.ts";
import { Store, type Readable } from "../ui/store.ts";
import { SocketLink } from "./link.ts";

export type SocketState =
  | { readonly kind: "connecting" }
  /** The hub has confirmed the sign-in: from here on it tells all that happens, or that something was missed. */
  | { readonly kind: "open" }
  /** Tried again by itself. `reason`: a sentence of the hub's; null where it said none. */
  | { readonly kind: "retrying"; readonly attempt: number; readonly reason: string | null };

type Listener = (message: HubMessage) => void;

/** A connection that lasted this long counts as good: the next failure starts from the shortest wait. */
const GOOD_MS = 5000;

export class LiveSocket {
  private readonly store = new Store<SocketState>({ kind: "connecting" });
  private readonly listeners = new Set<Listener>();
  private link: SocketLink | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;

  constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly open: (url: string) => WebSocket = (url) => new WebSocket(url),
  ) {
    this.connect();
  }

  get state(): Readable<SocketState> {
    return this.store;
  }

  /** Returns what ends the subscription. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  stop(): void {
    clearTimeout(this.retry);
    this.link?.close();
  }

  private connect(): void {
    let signedInMs: number | null = null;
    let reason: string | null = null;
    this.link = new SocketLink(this.open(this.url), this.token, {
      onSignedIn: () => {
        signedInMs = performance.now();
        this.store.set({ kind: "open" });
      },
      onMessage: (message) => {
        if (message.type === "error") reason = sentence(message.reason);
        for (const listener of this.listeners) listener(message);
      },
      onGone: () => {
        this.attempt = signedInMs !== null && performance.now() - signedInMs > GOOD_MS ? 0 : this.attempt + 1;
        this.store.set({ kind: "retrying", attempt: this.attempt, reason });
        this.retry = setTimeout(() => this.connect(), backoffMs(this.attempt, Math.random()));
      },
    });
  }
}

/** `wss` where the page came by `https`. */
export function socketUrl(page: string): string {
  const url = new URL("/api/v1/live", page);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  return url.href;
}
