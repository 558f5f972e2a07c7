/** Asks the hub for its cameras every few seconds, and keeps showing the last answer while it does not give another. */
import type { HubClient } from "../api/client.ts";
import { explain } from "../api/result.ts";
import type { Camera } from "../api/types.ts";
import { Store, type Readable } from "../ui/store.ts";

const EVERY_MS = 2000;

export type CamerasState =
  | { readonly kind: "loading" }
  | { readonly kind: "failed"; readonly message: string }
  /** `stale`: the hub has stopped answering, and why. */
  | { readonly kind: "ready"; readonly cameras: readonly Camera[]; readonly stale: string | null };

export class CameraPoll {
  private readonly store = new Store<CamerasState>({ kind: "loading" });
  private readonly life = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly hub: HubClient) {
    void this.ask();
  }

  get state(): Readable<CamerasState> {
    return this.store;
  }

  stop(): void {
    this.life.abort();
    clearTimeout(this.timer);
  }

  private async ask(): Promise<void> {
    const answer = await this.hub.cameras(this.life.signal);
    if (answer.kind === "aborted" || this.life.signal.aborted) return;
    if (answer.kind === "success") {
      const cameras = [...answer.value].toSorted((a, b) => a.edge.localeCompare(b.edge) || a.name.localeCompare(b.name));
      this.store.set({ kind: "ready", cameras, stale: null });
    } else {
      const message = explain(answer.failure);
      this.store.update((state) => (state.kind === "ready" ? { ...state, stale: message } : { kind: "failed", message }));
    }
    this.timer = setTimeout(() => void this.ask(), EVERY_MS);
  }
}
