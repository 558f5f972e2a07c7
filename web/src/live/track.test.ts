import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { eachFrame } from "./track.ts";

const before = globalThis.MediaStreamTrackProcessor;
afterEach(() => {
  globalThis.MediaStreamTrackProcessor = before;
});

/** A track whose browser hands over these frames: as their timestamps, or null for one that does not tell. */
class Track {
  readonly readyState = "live";
  readonly closed: (number | null)[] = [];
  cancelled = false;
  private controller!: ReadableStreamDefaultController<VideoFrame>;

  constructor() {
    const readable = new ReadableStream<VideoFrame>({
      start: (controller) => void (this.controller = controller),
      cancel: () => void (this.cancelled = true),
    });
    globalThis.MediaStreamTrackProcessor = class {
      readonly readable = readable;
    };
  }

  async send(rtp: number | null): Promise<void> {
    const frame = { metadata: () => (rtp === null ? {} : { rtpTimestamp: rtp }), close: () => this.closed.push(rtp) };
    this.controller.enqueue(frame as unknown as VideoFrame);
    await settled();
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function follow(track: Track) {
  const seen: number[] = [];
  const stop = eachFrame(track as unknown as MediaStreamTrack, (_, rtp) => void seen.push(rtp));
  return { seen, stop };
}

test("each frame is handed over under its timestamp, and closed once", async () => {
  const track = new Track();
  const { seen } = follow(track);
  for (const rtp of [1, 2, 3]) await track.send(rtp);
  assert.deepEqual([seen, track.closed], [[1, 2, 3], [1, 2, 3]]);
});

test("a frame that does not tell its timestamp is of no use", async () => {
  const track = new Track();
  const { seen } = follow(track);
  await track.send(null);
  assert.deepEqual([seen, track.closed], [[], [null]]);
});

test("who has stopped gets no more, and the frame under way is closed", async () => {
  const track = new Track();
  const { seen, stop } = follow(track);
  await track.send(1);
  const sent = track.send(2);
  stop?.();
  await sent;
  assert.deepEqual([seen, track.closed, track.cancelled], [[1], [1, 2], true]);
});

test("a browser that can't says so", () => {
  const track = new Track();
  globalThis.MediaStreamTrackProcessor = undefined;
  assert.equal(follow(track).stop, null);
});
