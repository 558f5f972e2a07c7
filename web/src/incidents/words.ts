/** What to say of an incident. Pure. */
import { capitalised } from "../events/words.ts";
import type { Incident } from "./incident.ts";

const HEADINGS: Readonly<Record<string, string>> = {
  panic: "A part of it crashed",
  watchdog: "A step was stuck",
  unclean_end: "It ended unexpectedly",
  over_memory: "It restarted for its memory",
  clock_set_back: "It restarted for its clock",
  outbox_set_aside: "Its outbox was damaged",
  outbox_gave_up: "Its share of the disk is used up",
  outbox_in_memory: "Its disk takes nothing",
};

/** A kind that this page does not know is shown as its word. */
export function heading(kind: string): string {
  return Object.hasOwn(HEADINGS, kind) ? (HEADINGS[kind] ?? "") : capitalised(kind.replaceAll("_", " "));
}

/** Clocks and links that differ by less say nothing. */
const APART_US = 60_000_000;

/**
 * Where an incident stands in the list, which is in the order in which the hub got them; and when it was by the edge's clock,
 * where that is another time: the link was cut, or the clock is wrong.
 */
export function times({ timeUs, receivedUs }: Incident): { readonly shownUs: number; readonly byEdgeUs: number | null } {
  if (receivedUs === null) return { shownUs: timeUs, byEdgeUs: null };
  return { shownUs: receivedUs, byEdgeUs: Math.abs(receivedUs - timeUs) < APART_US ? null : timeUs };
}
