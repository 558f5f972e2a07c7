/**
 * Asks the hub now and then what befell its edges. Incidents are rare and nobody waits for them: while the hub gives no
 * answer, or is one that does not know the question, the last ones stay.
 */
import type { HubClient } from "../api/client.ts";
import { Poll, type Answer } from "../api/poll.ts";
import type { Incident } from "./incident.ts";

const EVERY_MS = 30_000;
/** As many as anybody reads here; the interface has the rest. */
const NEWEST = 20;

/** What the hub got last first. */
export type Incidents = readonly Incident[];

export function pollIncidents(hub: Pick<HubClient, "incidents">): Poll<Incidents, Incidents> {
  return new Poll<Incidents, Incidents>({ first: [], ask: (signal) => hub.incidents(NEWEST, signal), next: incidents, everyMs: EVERY_MS });
}

export function incidents(before: Incidents, answer: Answer<Incidents>): Incidents {
  return answer.kind === "success" ? answer.value : before;
}
