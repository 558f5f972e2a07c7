/** Asks the hub now and then how its edges are. While it gives no answer, the last one stays, and its figures say their age. */
import type { HubClient } from "../api/client.ts";
import { Poll, type Answer } from "../api/poll.ts";
import type { Edge } from "./edge.ts";

const EVERY_MS = 10_000;

/** By name. */
export type Fleet = ReadonlyMap<string, Edge>;

const NONE: Fleet = new Map();

/** Whether nothing is heard of the edge of a stream. */
export function isOffline(fleet: Fleet, stream: string): boolean {
  return edgeOf(fleet, stream)?.online === false;
}

/** How far the clock of a stream's edge is ahead of the hub's, in microseconds to the second; 0 where nobody knows. */
export function aheadUs(fleet: Fleet, stream: string): number {
  return Math.round((edgeOf(fleet, stream)?.clockOffsetMs ?? 0) / 1000) * 1_000_000;
}

/** A stream is named `edge.camera`. */
function edgeOf(fleet: Fleet, stream: string): Edge | undefined {
  return fleet.get(stream.slice(0, stream.indexOf(".")));
}

export function pollFleet(hub: Pick<HubClient, "edges">): Poll<Fleet, readonly Edge[]> {
  return new Poll({ first: NONE, ask: (signal) => hub.edges(signal), next: fleet, everyMs: EVERY_MS });
}

export function fleet(before: Fleet, answer: Answer<readonly Edge[]>): Fleet {
  return answer.kind === "success" ? new Map(answer.value.map((edge) => [edge.edge, edge])) : before;
}
