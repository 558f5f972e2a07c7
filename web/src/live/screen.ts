/**
 * The video element and the two canvases above it, frame by frame: what is shown is matched with its boxes by RTP
 * timestamp, drawn, and measured.
 */
import { BoxShelf, type Drawn } from "./boxes.ts";
import type { StreamClock } from "./clock.ts";
import type { Size } from "./letterbox.ts";
import type { Measure } from "./measure.ts";
import { Overlay } from "./overlay.ts";
import { rtpDifference } from "./rtp.ts";
import { Still } from "./still.ts";
import type { Boxes, Mode } from "./wire.ts";

/** Above each other, each as large as the stage. */
export interface Elements {
  readonly video: HTMLVideoElement;
  readonly still: HTMLCanvasElement;
  readonly boxes: HTMLCanvasElement;
}

const NOTHING: Drawn = { kind: "none" };

export class Screen {
  private readonly shelf = new BoxShelf();
  private readonly overlay: Overlay;
  private readonly still: Still;
  private readonly observer: ResizeObserver;
  private callback: number | null = null;
  private current: { readonly rtp: number | null; readonly picture: Size } | null = null;
  mode: Mode = "live";

  constructor(
    private readonly elements: Elements,
    private readonly clock: StreamClock,
    private readonly measure: Measure,
    private readonly onPicture: (picture: Size) => void,
  ) {
    this.overlay = new Overlay(elements.boxes);
    this.still = new Still(elements.still);
    this.observer = new ResizeObserver(([entry]) => {
      if (entry === undefined) return;
      this.overlay.resize(entry.contentRect, devicePixelRatio);
      this.redraw();
    });
    this.observer.observe(elements.boxes);
    this.next();
  }

  /** Whether this browser says which frame it shows (all do that tell the RTP timestamp; it is learnt at the first). */
  get matches(): boolean {
    return this.current === null || this.current.rtp !== null;
  }

  put(boxes: Boxes): void {
    const now = performance.now();
    this.measure.boxes(boxes, now, this.clock.streamUs(now));
    this.shelf.put(boxes);
    const shown = this.current?.rtp ?? null;
    if (shown === null || rtpDifference(shown, boxes.rtp) >= 0) this.redraw();
  }

  /** Another session: its frames and boxes have nothing to do with those before. */
  clear(): void {
    this.shelf.clear();
    this.current = null;
    this.overlay.clear();
    this.still.clear();
  }

  close(): void {
    if (this.callback !== null) this.elements.video.cancelVideoFrameCallback(this.callback);
    this.observer.disconnect();
    this.clear();
  }

  private next(): void {
    this.callback = this.elements.video.requestVideoFrameCallback((_, metadata) => {
      this.next();
      const rtp = metadata.rtpTimestamp ?? null;
      const picture = { width: metadata.width, height: metadata.height };
      this.current = { rtp, picture };
      const drawn = this.drawn(rtp);
      this.overlay.draw(drawn, picture);
      if (this.mode === "exact") this.still.paint(this.elements.video, picture);
      else this.still.clear();
      const now = performance.now();
      this.measure.frame(rtp, now, metadata.expectedDisplayTime, this.clock.streamUs(now), drawn);
      this.onPicture(picture);
    });
  }

  private drawn(rtp: number | null): Drawn {
    if (rtp !== null) return this.shelf.on(rtp);
    const newest = this.shelf.newest();
    return newest === null ? NOTHING : { kind: "held", boxes: newest, ageMs: 0 };
  }

  /** Boxes came for what is on screen, or the size changed. The still stays: the element may already hold a later frame. */
  private redraw(): void {
    if (this.current !== null) this.overlay.draw(this.drawn(this.current.rtp), this.current.picture);
  }
}
