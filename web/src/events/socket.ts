/**
 * The WebSocket `/api/v1/live`: what happens on all streams, as it happens. Connects again by itself.
 *
 * The token is the first message, not a part of the address. A refused token shows as a 401 of the REST request that
 * follows every connect, so no guess is made here from how the socket closed.
 */
import { backoffMs } from "../api/backoff.ts";
import { encode, parseHubMessage, type HubMessage } from "../live/wire.ts";
import { Store, type Readable } from "../ui/store.ts";

export type SocketState =
  | { readonly kind: "connecting" }
  | { readonly kind: "open" }
  /** Tried again by itself. */
  | { readonly kind: "retrying"; readonly attempt: number };

type Listener = (message: HubMessage) => void;

/** A connection that lasted this long counts as good: the next failure starts from the shortest wait. */
const GOOD_MS = 5000;

export class LiveSocket {
  private readonly store = new Store<SocketState>({ kind: "connecting" });
  private readonly listeners = new Set<Listener>();
  private socket: WebSocket | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private stopped = false;

  constructor(
    private readonly url: string,
    private readonly token: string,
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
    this.stopped = true;
    clearTimeout(this.retry);
    this.socket?.close();
  }

  private connect(): void {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    let openedMs: number | null = null;
    socket.addEventListener("open", () => {
      openedMs = performance.now();
      socket.send(encode({ type: "auth", token: this.token }));
      this.store.set({ kind: "open" });
    });
    socket.addEventListener("message", ({ data }) => {
      const message = parseHubMessage(data);
      if (message !== null) for (const listener of this.listeners) listener(message);
    });
    // An error is always followed by a close.
    socket.addEventListener("close", () => {
      if (this.stopped) return;
      this.attempt = openedMs !== null && performance.now() - openedMs > GOOD_MS ? 0 : this.attempt + 1;
      this.store.set({ kind: "retrying", attempt: this.attempt });
      this.retry = setTimeout(() => this.connect(), backoffMs(this.attempt, Math.random()));
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
