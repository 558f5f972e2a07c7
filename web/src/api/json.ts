/** Reading unknown JSON by small steps. */

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isInteger(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}

/** A `u32` as the hub writes it. */
export function isU32(value: unknown): value is number {
  return isInteger(value) && value >= 0 && value <= 0xffff_ffff;
}

/** A `u64`, as far as JavaScript counts. */
export function isNatural(value: unknown): value is number {
  return isInteger(value) && value >= 0;
}

/** What goes into addresses: at half a character (a lone surrogate) `encodeURIComponent` throws. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !/\p{Surrogate}/u.test(value);
}

export function isFinite(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** `[x, y, width, height]` in units of the picture. */
export type Rect = readonly [x: number, y: number, width: number, height: number];

export function isRect(value: unknown): value is Rect {
  return Array.isArray(value) && value.length === 4 && value.every(isFinite);
}
