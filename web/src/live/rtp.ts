/**
 * RTP timestamps of video: a 90 kHz count modulo 2^32 (RFC 6184 §8.2.1). The hub derives them from the capture time,
 * so that the count since the Unix epoch, and with it the capture time, can be had back: the window of 2^32 ticks is
 * 13 hours wide, and no picture is that old.
 */

const MODULUS = 2 ** 32;

export const TICKS_PER_MS = 90;

/** Ticks since the Unix epoch, rounded down. Exact for every safe integer: the product is never formed whole. */
export function ticks(us: number): number {
  const hundreds = Math.floor(us / 100);
  return hundreds * 9 + Math.floor(((us - hundreds * 100) * 9) / 100);
}

export function rtpOf(us: number): number {
  return modulo(ticks(us), MODULUS);
}

/** `a - b` as the shortest way round the circle: negative where `a` is earlier. Ticks, -2^31 to 2^31 - 1. */
export function rtpDifference(a: number, b: number): number {
  return (a - b) | 0;
}

/**
 * Capture time, µs since the epoch, of the frame with this timestamp: the moment closest to `nowUs` whose count is
 * `rtp` modulo 2^32. Closest and not latest before, because a clock that is measured to a millisecond may say that a
 * picture of this instant is a little in the future.
 */
export function captureUs(rtp: number, nowUs: number): number {
  const now = ticks(nowUs);
  const count = now + rtpDifference(rtp, modulo(now, MODULUS));
  return (count / 9) * 100;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
