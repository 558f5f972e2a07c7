/**
 * One place on the page where an event's picture is shown. A better picture takes the place of the one before when it
 * is loaded, not earlier. Whoever made a slot owes it a `close()`.
 */
import type { View } from "../api/event.ts";
import type { Rect } from "../api/json.ts";
import { Store, type Readable } from "../ui/store.ts";
import type { Loan, Pictures, PictureState } from "./pictures.ts";

export type SlotState =
  /** The edge has not sent one. */
  | { readonly kind: "none" }
  | Exclude<PictureState, { kind: "shown" }>
  /** `box`: where the thing is in the whole frame. `trouble`: why the one that is wanted in its place is not there; null where none is. */
  | { readonly kind: "shown"; readonly url: string; readonly view: View; readonly box: Rect; readonly trouble: string | null };

interface Held {
  readonly key: string;
  readonly loan: Loan;
  readonly view: View;
  readonly box: Rect;
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

  /** `box` is that of the event when this picture was told of; an event changes its box only with its picture. */
  want(event: string, revision: number, view: View, box: Rect): void {
    const key = `${event}/${revision}/${view}`;
    if (this.coming?.key === key || (this.coming === null && this.shown?.key === key)) return;
    this.coming?.end();
    const loan = this.pictures.take(event, revision, view);
    const unsubscribe = loan.state.subscribe(() => this.settle());
    const end = (): void => {
      unsubscribe();
      loan.release();
    };
    this.coming = { key, loan, view, box, end };
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
      const { view, box } = (this.shown = this.coming);
      this.coming = null;
      this.store.set({ kind: "shown", url: state.url, view, box, trouble: null });
      return;
    }
    if (this.shown === null) {
      this.store.set(state);
      return;
    }
    const trouble = state.kind === "failed" ? state.message : null;
    this.store.update((before) => (before.kind === "shown" && before.trouble !== trouble ? { ...before, trouble } : before));
  }
}
