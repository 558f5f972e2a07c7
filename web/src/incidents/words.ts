/** What to say of an incident. Pure. */
import { capitalised } from "../events/words.ts";

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
