/**
 * The classes that events have been about: those that the hub's store knows, and what happens from then on. Asked for
 * anew with each new sign-in on the socket, as something may have been missed. It asks and listens while someone
 * subscribes to its state.
 */
import type { HubClient } from "../api/client.ts";
import { Store, type Readable } from "../ui/store.ts";
import { Refetch } from "./refetch.ts";
import type { LiveSocket } from "./socket.ts";

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
    this.store.update((known) => withLabels(known, more));
  }
}

/** Each once, sorted; the same value where nothing is new. Pure. */
export function withLabels(known: readonly string[], more: readonly string[]): readonly string[] {
  const fresh = more.filter((label) => !known.includes(label));
  return fresh.length === 0 ? known : [...new Set([...known, ...fresh])].toSorted((a, b) => a.localeCompare(b));
}
