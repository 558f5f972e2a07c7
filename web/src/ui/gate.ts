/**
 * Who is let in.
 *
 *     signed-out ──token──▶ checking ──200──▶ signed-in
 *         ▲                   │   ▲              │
 *         ├───────401─────────┘   └─retry─ away  │
 *         └───────401 from any request, or sign out
 */
import { HubClient } from "../api/client.ts";
import { explain } from "../api/result.ts";
import { forgetToken, storeToken, storedToken } from "../api/token.ts";
import { backoffMs } from "../api/backoff.ts";
import { Session } from "./session.ts";
import { Store, type Readable } from "./store.ts";

/** Of a token's characters none is beyond ASCII. What was copied out of a chat may hold characters that nobody sees. */
const UNSENDABLE = /[^\x20-\x7e]/;

export type GateState =
  /** `notice`: why one is here again; null at first. */
  | { readonly kind: "signed-out"; readonly notice: string | null }
  | { readonly kind: "checking" }
  /** The hub does not answer, or not yet: it refuses for a while who has failed too often. Tried again by itself. */
  | { readonly kind: "away"; readonly title: string; readonly message: string }
  | { readonly kind: "signed-in"; readonly session: Session };

export class Gate {
  private readonly store = new Store<GateState>({ kind: "signed-out", notice: null });
  private retry: ReturnType<typeof setTimeout> | undefined;
  private round = 0;

  constructor() {
    const token = storedToken();
    if (token !== null) void this.check(token, 0);
  }

  get state(): Readable<GateState> {
    return this.store;
  }

  signIn(token: string): void {
    void this.check(token.trim(), 0);
  }

  /** A token came by the address. Who is in stays in: a link must not put someone else in the place. */
  offer(token: string): void {
    if (this.store.get().kind !== "signed-in") this.signIn(token);
  }

  signOut(): void {
    this.leave(null);
  }

  private async check(token: string, attempt: number): Promise<void> {
    clearTimeout(this.retry);
    this.round += 1;
    const round = this.round;
    if (attempt === 0) this.store.set({ kind: "checking" });
    // No header can carry it, so that asking would look like a hub that does not answer.
    if (UNSENDABLE.test(token)) return this.refused();
    const hub = new HubClient(token, () => {
      if (round === this.round) this.refused(); // Else it is a late answer to a token that was given up.
    });
    const answer = await hub.session();
    if (round !== this.round) return;
    if (answer.kind === "success") {
      storeToken(token);
      this.store.set({ kind: "signed-in", session: new Session(hub, answer.value.version) });
    } else if (answer.kind === "error" && answer.failure.kind !== "unauthorized") {
      const title = answer.failure.kind === "refused" ? "The hub lets nobody in at the moment" : "The hub is not answering";
      this.store.set({ kind: "away", title, message: explain(answer.failure) });
      this.retry = setTimeout(() => void this.check(token, attempt + 1), backoffMs(attempt, Math.random()));
    }
  }

  /** A 401, from the check or from any request later. */
  private refused(): void {
    if (this.store.get().kind === "signed-out") return;
    const notice =
      this.store.get().kind === "signed-in"
        ? "The hub no longer accepts the token of this tab. Sign in again with the one it prints now."
        : "The hub does not accept this token. Copy the whole of it, without the word “Token:”.";
    this.leave(notice);
  }

  private leave(notice: string | null): void {
    clearTimeout(this.retry);
    this.round += 1;
    const state = this.store.get();
    if (state.kind === "signed-in") state.session.close();
    forgetToken();
    this.store.set({ kind: "signed-out", notice });
  }
}
