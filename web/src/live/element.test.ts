import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { ElementFrames } from "./element.ts";

const before = globalThis.VideoFrame;
afterEach(() => {
  globalThis.VideoFrame = before;
});

/** An element that shows the frame of this time, in microseconds; null for one of which the browser has no frame. */
interface Element {
  shows: number | null;
}

/** A browser with WebCodecs; returns the times of the frames that were closed. */
function withFrames(): number[] {
  const closed: number[] = [];
  globalThis.VideoFrame = class {
    readonly timestamp: number;
    constructor({ shows }: Element) {
      if (shows === null) throw new DOMException("no frame", "InvalidStateError");
      this.timestamp = shows;
    }
    close(): void {
      closed.push(this.timestamp);
    }
  } as unknown as typeof VideoFrame;
  return closed;
}

function take(frames: ElementFrames, element: Element, mediaTime: number): unknown[] {
  const taken: unknown[] = [];
  frames.take(element as unknown as HTMLVideoElement, mediaTime, (frame) => {
    taken.push(frame === (element as unknown) ? "element" : (frame as unknown as VideoFrame).timestamp);
  });
  return taken;
}

test("a frame is handed over while the element shows it, and closed", () => {
  const closed = withFrames();
  const frames = new ElementFrames();
  assert.deepEqual([take(frames, { shows: 66_000 }, 0.066), take(frames, { shows: 8_233_333 }, 8.233333)], [[66_000], [8_233_333]]);
  assert.deepEqual(closed, [66_000, 8_233_333]);
});

test("what the element shows by now is not taken for the frame that was told", () => {
  const closed = withFrames();
  const frames = new ElementFrames();
  take(frames, { shows: 66_000 }, 0.066);
  assert.deepEqual([take(frames, { shows: 132_000 }, 0.099), take(frames, { shows: 132_000 }, 0.132)], [[], [132_000]]);
  assert.deepEqual(closed, [66_000, 132_000, 132_000]);
});

test("a browser whose two times have nothing to do with each other still has its frames shown", () => {
  withFrames();
  const frames = new ElementFrames();
  assert.deepEqual([take(frames, { shows: 5 }, 70), take(frames, { shows: 33_005 }, 70.033)], [[5], [33_005]]);
});

test("without WebCodecs, or a frame for them, the element itself is taken", () => {
  const frames = new ElementFrames();
  withFrames();
  assert.deepEqual(take(frames, { shows: null }, 1), ["element"]);
  Reflect.deleteProperty(globalThis, "VideoFrame");
  assert.deepEqual(take(frames, { shows: 1 }, 1), ["element"]);
});

test("a frame that could not be used is closed all the same", () => {
  const closed = withFrames();
  assert.throws(() =>
    new ElementFrames().take({ shows: 7 } as unknown as HTMLVideoElement, 7e-6, () => {
      throw new Error("no room");
    }),
  );
  assert.deepEqual(closed, [7]);
});
