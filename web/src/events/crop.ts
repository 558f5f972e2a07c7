/** Which part of a picture a small frame shows. Pure. */
import type { Rect } from "../api/json.ts";

/** So much around the thing that one sees where it is. */
const CONTEXT = 1.7;
/** A thing far away is not blown up to nothing but pixels. */
const LEAST = 0.3;

/**
 * The part around `box` that fills a frame of aspect `frame` (width by height), cut from a picture of aspect `picture`;
 * all in units of the picture, and within it. The whole of the shorter side where the box needs it.
 */
export function cropAround([x, y, width, height]: Rect, picture: number, frame: number): Rect {
  // Width of a part, in picture units, for each unit of its height.
  const shape = frame / picture;
  const wanted = Math.max(LEAST, height * CONTEXT, (width * CONTEXT) / shape);
  const high = Math.min(wanted, 1, 1 / shape);
  const wide = high * shape;
  return [within(x + width / 2 - wide / 2, 1 - wide), within(y + height / 2 - high / 2, 1 - high), wide, high];
}

function within(value: number, most: number): number {
  return Math.min(Math.max(0, value), Math.max(0, most));
}

export function cssShare(share: number): string {
  return `${(share * 100).toFixed(3)}%`;
}
