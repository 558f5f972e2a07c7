/**
 * The picture that a video element tells of.
 *
 * The browser goes on to the next frame on a thread of its own, also between telling the page of one and the page's taking
 * it: on a busy machine the element may show another by then. The frame that it shows has a timestamp, which is the
 * `mediaTime` that was told (WICG's video-rvfc) where it is the same (`VideoFrame`, WebCodecs section 9.4).
 */

/** Both count the frame's time, one in seconds as a double, the other in whole microseconds. */
const SAME_US = 500;

export class ElementFrames {
  /** Whether this browser gives both the same time; learnt at the first that agrees. */
  private comparable = false;

  /** Hands over the frame under `mediaTime` (seconds), unless the element shows another by now: that one is told of next. */
  take(video: HTMLVideoElement, mediaTime: number, onFrame: (frame: CanvasImageSource) => void): void {
    const frame = shownBy(video);
    if (frame === null) {
      onFrame(video);
      return;
    }
    try {
      const same = Math.abs(frame.timestamp - mediaTime * 1e6) < SAME_US;
      this.comparable ||= same;
      if (same || !this.comparable) onFrame(frame);
    } finally {
      frame.close();
    }
  }
}

/** Null where the browser has no WebCodecs, or no frame of this element for them. */
function shownBy(video: HTMLVideoElement): VideoFrame | null {
  if (!("VideoFrame" in globalThis)) return null;
  try {
    return new VideoFrame(video);
  } catch {
    return null;
  }
}
