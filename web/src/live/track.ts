/**
 * Every frame of a video track.
 *
 * A `<video>` element shows what the screen has time for: of two frames within one refresh one, on a busy machine fewer.
 * A track processor hands over each frame that was decoded, and with it the RTP timestamp it came under.
 *
 * Chromium has it on the page's own thread, with the timestamp from version 145 on. Safari has it in workers only, and
 * without the timestamp; Firefox has none (November 2026).
 */

/** Frames that the browser keeps while the page is busy; of more than that it drops the oldest. */
const KEPT = 30;

/** Hands over each frame with its RTP timestamp until what is returned is called. Null where the browser can't. */
export function eachFrame(track: MediaStreamTrack, onFrame: (frame: VideoFrame, rtp: number) => void): (() => void) | null {
  const { MediaStreamTrackProcessor } = globalThis;
  if (MediaStreamTrackProcessor === undefined || track.readyState === "ended") return null;
  const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: KEPT }).readable.getReader();
  let stopped = false;
  const read = async (): Promise<void> => {
    for (;;) {
      const { value: frame } = await reader.read();
      if (frame === undefined) return;
      // A decoder has few pictures to fill and stands still while all are lent, so none is kept.
      try {
        const rtp = frame.metadata?.().rtpTimestamp;
        if (rtp !== undefined && !stopped) onFrame(frame, rtp);
      } finally {
        frame.close();
      }
    }
  };
  read().catch((error: unknown) => console.error("the track's frames can't be read", error));
  return () => {
    stopped = true;
    reader.cancel().catch(() => {
      // It had failed before, which was said.
    });
  };
}

interface TrackProcessor {
  readonly readable: ReadableStream<VideoFrame>;
}

declare global {
  // TypeScript knows it in workers only.
  var MediaStreamTrackProcessor: (new (init: { track: MediaStreamTrack; maxBufferSize?: number }) => TrackProcessor) | undefined;
  interface VideoFrame {
    metadata?(): { readonly rtpTimestamp?: number };
  }
}
