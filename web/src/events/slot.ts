/**
 * One place on the page where an event's picture is shown. A better picture takes the place of the one before when it
 * is loaded, not earlier. Whoever made a slot owes it a `close()`.
 */
import { Store, type Readable } from "../ui/store.ts";
import type { Loan, Pictures, PictureState } from "./pictures.ts";

/** `none`: the edge has not sent one. */
export type SlotState = PictureState | { readonly kind: "none" };

interface Held {
  readonly loan: Loan;
  readonly end: () => void;
}

export class PictureSlot {
  private readonly store = new Store<SlotState>({ kind: "none" });
  private shown: Held | null = null;
  private coming: Held | null = null;

  constructor(private readonly pictures: Pictures) {}

  get state(): Readable<SlotState> {
    return this.store;
  }

  want(event: string, revision: number): void {
    this.coming?.end();
    const loan = this.pictures.take(event, revision);
    const unsubscribe = loan.state.subscribe(() => this.settle());
    const end = (): void => {
      unsubscribe();
      loan.release();
    };
    this.coming = { loan, end };
    this.settle();
  }

  close(): void {
    this.coming?.end();
    this.shown?.end();
    this.coming = null;
    this.shown = null;
    this.store.set({ kind: "none" });
  }

  private settle(): void {
    if (this.coming === null) return;
    const state = this.coming.loan.state.get();
    if (state.kind === "shown") {
      this.shown?.end();
      this.shown = this.coming;
      this.coming = null;
    }
    if (this.shown === null || state.kind === "shown") this.store.set(state);
  }
}
