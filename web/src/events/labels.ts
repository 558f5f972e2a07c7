/**
 * The classes that events have been about: those that the hub's store knows, and what happens from then on. Asked for
 * anew with each new sign-in on the socket, as something may have been missed. It asks and listens while someone
 * subscribes to its state.
 */
import type { HubClient } from "../api/client.ts";
import { Store, type Readable } from "../ui/store.ts";
import { Refetch } from "./refetch.ts";
import type { LiveSocket } from "./socket.ts";

/** As many as the hub gives (`MAX_LABELS` in `cloud-hub/src/api/events.rs`). From there on what happens adds none. */
export const MAX_LABELS = 1000;

export class Labels {
  private readonly store = new Store<readonly string[]>([], () => this.begin());

  constructor(
    private readonly hub: Pick<HubClient, "labels">,
    private readonly socket: Pick<LiveSocket, "state" | "listen">,
  ) {}

  get state(): Readable<readonly string[]> {
    return this.store;
  }

  private begin(): () => void {
    const { socket } = this;
    const life = new AbortController();
    const all = new Refetch(async () => {
      const labels = await this.hub.labels(life.signal);
      if (labels.kind === "success") this.add(labels.value);
      return labels.kind === "success";
    });
    const unlisten = socket.listen((message) => {
      if (message.type === "event") this.add([message.event.label]);
    });
    const unsubscribe = socket.state.subscribe(() => {
      if (socket.state.get().kind === "open") all.want();
    });
    all.want();
    return () => {
      all.stop();
      life.abort();
      unlisten();
      unsubscribe();
    };
  }

  private add(more: readonly string[]): void {
    this.store.update((known) => (known.length < MAX_LABELS ? withLabels(known, more) : known));
  }
}

/** Each once, sorted; the same value where nothing is new. An empty one can't be chosen: that is how all are asked for. Pure. */
export function withLabels(known: readonly string[], more: readonly string[]): readonly string[] {
  const fresh = more.filter((label) => label !== "" && !known.includes(label));
  return fresh.length === 0 ? known : [...new Set([...known, ...fresh])].toSorted((a, b) => a.localeCompare(b));
}
