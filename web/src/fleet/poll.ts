/** Asks the hub now and then how its edges are. While it gives no answer, the last one stays, and its figures say their age. */
import type { HubClient } from "../api/client.ts";
import { Poll, type Answer } from "../api/poll.ts";
import type { Edge } from "./edge.ts";

const EVERY_MS = 10_000;

/** By name. */
export type Fleet = ReadonlyMap<string, Edge>;

const NONE: Fleet = new Map();

/** Whether nothing is heard of the edge of a stream, which is named `edge.camera`. */
export function isOffline(fleet: Fleet, stream: string): boolean {
  return fleet.get(stream.slice(0, stream.indexOf(".")))?.online === false;
}

export function pollFleet(hub: Pick<HubClient, "edges">): Poll<Fleet, readonly Edge[]> {
  return new Poll({ first: NONE, ask: (signal) => hub.edges(signal), next: fleet, everyMs: EVERY_MS });
}

export function fleet(before: Fleet, answer: Answer<readonly Edge[]>): Fleet {
  return answer.kind === "success" ? new Map(answer.value.map((edge) => [edge.edge, edge])) : before;
}
