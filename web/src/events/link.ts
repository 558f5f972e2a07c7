/**
 * One connection of the WebSocket `/api/v1/live`, from its opening to its end.
 *
 *     opening ──open: token, question──▶ unconfirmed ──any answer but `error`──▶ signed in
 *        └──────────────────closed, or a question without an answer───────────────▶ gone
 *
 * The hub reads what it is sent in order and says nothing of a token that is right; so the answer to the first question
 * (`clock`) is what confirms it, and that the hub tells of everything from then on.
 *
 * A host that dies without a word leaves a connection that looks well for minutes, and a browser shows no page the
 * pings of the protocol. So the page asks now and then, and a connection on which nothing comes back is given up, 45 s
 * after the last message at the latest.
 *
 * Whoever opened a link owes it a `close()`.
 */
import { encode, parseHubMessage, type BrowserMessage, type HubMessage } from "../live/wire.ts";

const ASK_EVERY_MS = 15_000;
/** With the time until the question, as long as the hub waits for a page (`SILENT_FOR` in `cloud-hub/src/live/websocket.rs`). */
const ANSWER_WITHIN_MS = 30_000;

export interface LinkHandlers {
  /** Comes once, before the first message. */
  onSignedIn(): void;
  onMessage(message: HubMessage): void;
  /** The link is of no more use; comes once at most, and not after `close()`. */
  onGone(): void;
}

export class SocketLink {
  private asking: ReturnType<typeof setInterval> | undefined;
  private patience: ReturnType<typeof setTimeout> | undefined;
  private question = 0;
  private signedIn = false;
  private closed = false;

  constructor(
    private readonly socket: WebSocket,
    token: string,
    private readonly handlers: LinkHandlers,
  ) {
    this.expect(); // An address may swallow the connection itself.
    socket.addEventListener("open", () => {
      this.send({ type: "auth", token });
      this.ask();
      this.asking = setInterval(() => this.ask(), ASK_EVERY_MS);
    });
    socket.addEventListener("message", ({ data }) => this.heard(data));
    // An error is always followed by a close.
    socket.addEventListener("close", () => this.gone());
  }

  close(): void {
    this.closed = true;
    clearInterval(this.asking);
    clearTimeout(this.patience);
    this.socket.close();
  }

  private ask(): void {
    this.question += 1;
    this.send({ type: "clock", id: this.question });
    this.expect();
  }

  /**
   * Counted from the first question without an answer, not from the last message: in a tab that is not looked at,
   * timers may run once a minute, and the question itself would come too late.
   */
  private expect(): void {
    this.patience ??= setTimeout(() => this.gone(), ANSWER_WITHIN_MS);
  }

  private heard(data: unknown): void {
    if (this.closed) return;
    clearTimeout(this.patience);
    this.patience = undefined;
    const message = parseHubMessage(data);
    if (message === null) return;
    if (!this.signedIn && message.type !== "error") {
      this.signedIn = true;
      this.handlers.onSignedIn();
    }
    this.handlers.onMessage(message);
  }

  private send(message: BrowserMessage): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(encode(message));
  }

  /** Does not wait for the socket's own `close`: where the other side is dead, that takes as long again. */
  private gone(): void {
    if (this.closed) return;
    this.close();
    this.handlers.onGone();
  }
}
