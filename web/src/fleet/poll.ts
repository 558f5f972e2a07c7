/** Asks the hub now and then how its edges are. While it gives no answer, the last one stays, and its figures say their age. */
import type { HubClient } from "../api/client.ts";
import { Store, type Readable } from "../ui/store.ts";
import type { Edge } from "./edge.ts";

const EVERY_MS = 10_000;

/** By name. */
export type Fleet = ReadonlyMap<string, Edge>;

export class FleetPoll {
  private readonly store = new Store<Fleet>(new Map());
  private readonly life = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly hub: Pick<HubClient, "edges">,
    private readonly everyMs: number = EVERY_MS,
  ) {
    void this.ask();
  }

  get state(): Readable<Fleet> {
    return this.store;
  }

  stop(): void {
    this.life.abort();
    clearTimeout(this.timer);
  }

  private async ask(): Promise<void> {
    const answer = await this.hub.edges(this.life.signal);
    if (answer.kind === "aborted" || this.life.signal.aborted) return;
    if (answer.kind === "success") this.store.set(new Map(answer.value.map((edge) => [edge.edge, edge])));
    this.timer = setTimeout(() => void this.ask(), this.everyMs);
  }
}
