/**
 * Asks the hub now and then what befell its edges. Incidents are rare and nobody waits for them: while the hub gives no
 * answer, or is one that does not know the question, the last ones stay.
 */
import type { HubClient } from "../api/client.ts";
import { Store, type Readable } from "../ui/store.ts";
import type { Incident } from "./incident.ts";

const EVERY_MS = 30_000;
/** As many as anybody reads here; the interface has the rest. */
const NEWEST = 20;

export class IncidentPoll {
  private readonly store = new Store<readonly Incident[]>([]);
  private readonly life = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly hub: Pick<HubClient, "incidents">,
    private readonly everyMs: number = EVERY_MS,
  ) {
    void this.ask();
  }

  /** Newest first. */
  get state(): Readable<readonly Incident[]> {
    return this.store;
  }

  stop(): void {
    this.life.abort();
    clearTimeout(this.timer);
  }

  private async ask(): Promise<void> {
    const answer = await this.hub.incidents(NEWEST, this.life.signal);
    if (answer.kind === "aborted" || this.life.signal.aborted) return;
    if (answer.kind === "success") this.store.set(answer.value);
    this.timer = setTimeout(() => void this.ask(), this.everyMs);
  }
}
