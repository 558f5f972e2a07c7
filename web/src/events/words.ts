/** Times, durations and reasons as the event list writes them. Pure: the locale and `now` are arguments where they matter. */
import type { EventState, View } from "../api/event.ts";
import type { Why } from "../api/why.ts";

export function clockTime(us: number, locale?: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(locale, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(us / 1000);
}

/** The whole of it, with the zone: the site's may be another than the browser's. */
export function fullTime(us: number, locale?: string, timeZone?: string): string {
  const zone = timeZone === undefined ? {} : { timeZone };
  return new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "long", ...zone }).format(us / 1000);
}

/** Date and time to the minute: of a moment that was chosen. */
export function minuteTime(ms: number, locale?: string, timeZone?: string): string {
  const zone = timeZone === undefined ? {} : { timeZone };
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23", ...zone }).format(ms);
}

/** The date, where it is not today's; null where it is. */
export function dayOf(us: number, nowMs: number, locale?: string): string | null {
  const then = new Date(us / 1000);
  const now = new Date(nowMs);
  if (then.toDateString() === now.toDateString()) return null;
  const year = then.getFullYear() === now.getFullYear() ? {} : { year: "numeric" as const };
  return new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", ...year }).format(then);
}

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`. Never negative: clocks of edge and browser differ. */
export function duration(us: number): string {
  const seconds = Math.max(0, us / 1_000_000);
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${twoDigits(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

/**
 * What is said of an event that is over: `why` there is no saying how long it was, or null. Null for one that goes on; while its edge is
 * `silent` nobody knows whether it does.
 */
export function ending({ openedUs, closedUs, closedReason }: Pick<EventState, "openedUs" | "closedUs" | "closedReason">, silent: boolean) {
  if (closedUs === null) return silent ? { name: "End", words: "not heard of", why: "Nothing is heard of its edge at the moment." } : null;
  if (closedReason !== null) return { name: "End", words: "not known", why: closedReason };
  return { name: "Lasted", words: duration(closedUs - openedUs), why: null };
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

/** `site-1.door person 2026-05-04T12-00-01Z.jpg`: of the frame, by UTC, in characters that every file system takes. */
export function fileName({ stream, label, bestUs }: Pick<EventState, "stream" | "label" | "bestUs">, view: View): string {
  const time = new Date(bestUs / 1000).toISOString().replace(/\.\d+/, "").replaceAll(":", "-");
  const name = `${stream} ${label} ${time}${view === "crop" ? " close-up" : ""}`;
  return `${name.replace(/[^\p{L}\p{N} ._-]/gu, "_")}.jpg`;
}

export function percent(score: number): string {
  return `${Math.round(Math.min(1, Math.max(0, score)) * 100)} %`;
}

export function capitalised(label: string): string {
  return label === "" ? label : label.charAt(0).toUpperCase() + label.slice(1);
}

/** What of a rule came true, in a few words; null where there is nothing to say beyond that something was seen. */
export function reason(why: Why | null): string | null {
  switch (why?.kind) {
    case undefined:
    case "seen":
      return null;
    case "inside":
      return `in ${why.zone}`;
    case "stayed":
      return why.zone === null ? `stayed ${duration(why.seconds * 1e6)}` : `in ${why.zone} for ${duration(why.seconds * 1e6)}`;
    case "crossed":
      return `crossed ${why.line}, ${why.direction}`;
    case "over":
    case "under": {
      const place = why.zone === null ? "" : ` in ${why.zone}`;
      return `${why.count}${place}, ${why.kind === "over" ? "at most" : "at least"} ${why.limit} expected`;
    }
  }
}
