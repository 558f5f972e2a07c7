/** Why a rule made an event. Zones, lines and directions are called as the camera's configuration calls them. */
import { isFinite, isInteger, isRecord } from "./json.ts";
import type { Unread } from "./types.ts";

export type Why =
  | { readonly kind: "seen" }
  | { readonly kind: "inside"; readonly zone: string }
  | { readonly kind: "stayed"; readonly zone: string | null; readonly seconds: number }
  | { readonly kind: "crossed"; readonly line: string; readonly direction: string }
  | { readonly kind: "over" | "under"; readonly zone: string | null; readonly count: number; readonly limit: number };

/** Null for what is no reason, or one that only a later page knows: the event is shown without it. */
export function parseWhy(value: unknown): Why | null {
  if (!isRecord(value)) return null;
  const unread: Unread<"Why"> = value;
  const { kind, line, direction, seconds, count, limit } = unread;
  const zone = typeof unread.zone === "string" ? unread.zone : null;
  switch (kind) {
    case "seen":
      return { kind };
    case "inside":
      return zone === null ? null : { kind, zone };
    case "stayed":
      return isFinite(seconds) ? { kind, zone, seconds } : null;
    case "crossed":
      return typeof line === "string" && typeof direction === "string" ? { kind, line, direction } : null;
    case "over":
    case "under":
      return isInteger(count) && isInteger(limit) ? { kind, zone, count, limit } : null;
    default:
      return null;
  }
}
