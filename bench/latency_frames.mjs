/**
 * What the latency benchmark makes of the frames that `latency_page.mjs` saw: when each was taken, how long it took to the
 * screen, and what became of its boxes.
 */
const FRAME_MS = 1000 / 30;

/** The moment nearest to `nearMs` whose count of 90 kHz ticks is `rtp` modulo 2^32. */
function stampMs(rtp, nearMs) {
  const ticks = Math.round(nearMs * 90);
  return (ticks + ((rtp - (ticks % 2 ** 32)) | 0)) / 90;
}

/** The moment nearest to `nearMs` whose lowest 24 bits of milliseconds are `bits`. */
export function burnedMs(bits, nearMs) {
  const ms = Math.round(nearMs);
  return ms + (((bits - (ms % 2 ** 24)) << 8) >> 8);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/**
 * Each frame's capture time by both its names: the RTP timestamp it came under and the clock in its pixels.
 *
 * The camera burns its clock before it codes the picture, and the edge stamps it when it comes, less the jitter: the stamp
 * comes later by a constant, `stampAfterBurn`. The report is void unless that lies between 0 and one frame's time, so that
 * names which are all one frame apart can't pass for it. With it taken off, both names are of `same` frame where they are
 * less than half a frame's time apart.
 */
export function name(frames) {
  const both = frames.map((frame) => {
    const stamp = stampMs(frame.rtp, frame.display);
    const burn = frame.burned === null ? NaN : burnedMs(frame.burned, frame.display);
    return { ...frame, stamp, burn, apart: stamp - burn };
  });
  const stampAfterBurn = median(both.map(({ apart }) => apart).filter(Number.isFinite));
  return {
    stampAfterBurn,
    frames: both.map((frame) => {
      const same = Math.abs(frame.apart - stampAfterBurn) < FRAME_MS / 2;
      return { ...frame, same, captured: same ? frame.burn : frame.stamp - stampAfterBurn };
    }),
  };
}

/** From capture to the screen. */
export function screen({ clockDriftMs }, { frames }, seconds) {
  return {
    glass_to_screen: frames.map(({ display, captured }) => display - captured),
    glass_to_presentation: frames.map(({ presentation, captured }) => presentation - captured), // Of the video element.
    stamp_after_burn: frames.map(({ apart }) => apart),
    shown_per_second: frames.length / seconds,
    unreadable_frames: frames.filter(({ burn }) => Number.isNaN(burn)).length,
    misnamed_frames: frames.filter(({ same, burn }) => !same && !Number.isNaN(burn)).length,
    clock_drift_ms: clockDriftMs,
  };
}

/** From capture to the last packet's arrival, in live mode, where the browser tells of it. */
export function arrival({ frames }) {
  return { glass_to_browser: frames.map(({ received, captured }) => received - captured) };
}

/** What became of the boxes of each frame that was analysed in the window, whether it was shown or not. */
export function boxes({ analysed }, { frames, stampAfterBurn }, seconds) {
  const shown = new Map(frames.map((frame) => [frame.rtp, frame]));
  const [first, last] = [frames[0].rtp, frames.at(-1).rtp];
  const records = analysed.filter(({ rtp }) => ((rtp - first) | 0) >= 0 && ((last - rtp) | 0) >= 0);
  const fates = records.map((record) => {
    const frame = shown.get(record.rtp);
    const fate = fateOf(record, frame, stampAfterBurn);
    return { fate, record, frame };
  });
  const having = (fate) => fates.filter((one) => one.fate === fate);
  return {
    analysed_frames: records.length,
    analysed_per_second: analysed.length / (seconds + 1),
    frames_with_boxes: records.filter(({ count }) => count > 0).length,
    boxes_with_their_frame: having("with").length,
    boxes_over_their_frame_later: having("over").length,
    boxes_late: having("late").length,
    boxes_on_another_frame: having("another frame").length,
    analysed_but_not_shown: having("not shown").length,
    glass_to_boxes: [
      ...having("with").map(({ frame }) => frame.display - frame.captured),
      ...having("over").map(({ frame, record }) => record.received - frame.captured), // Drawn over it as they came.
    ],
    glass_to_boxes_refresh: having("with").map(({ frame }) => frame.refresh - frame.captured),
  };
}

function fateOf({ timeUs, outcome }, frame, stampAfterBurn) {
  if (frame === undefined) return "not shown";
  // The result's own time against the clock in the pixels under its boxes; also where that can't be read.
  if (!(Math.abs(timeUs / 1000 - frame.burn - stampAfterBurn) < FRAME_MS / 2)) return "another frame";
  if (outcome === "with-frame" && frame.own) return "with";
  return outcome === "while-shown" ? "over" : "late";
}

/** Whether the pixels that the edge looked at are of the frame that it says: by the pictures it kept. */
export function kept(pictures, stampAfterBurn) {
  const readable = pictures.filter(({ burned }) => burned !== null);
  const apart = readable.map(({ stamp, burned }) => stamp - burnedMs(burned, stamp));
  return { stamp_after_burn: apart, misnamed: apart.filter((ms) => Math.abs(ms - stampAfterBurn) >= FRAME_MS / 2).length };
}
