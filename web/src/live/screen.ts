/**
 * The video element and the two canvases above it, frame by frame: what is shown is matched with its boxes by RTP
 * timestamp, drawn, and measured.
 *
 *     live    the browser shows a frame ──▶ boxes are drawn above it
 *     exact   the browser decoded a frame ──▶ a copy waits until capture time + hold ──▶ painted together with its boxes
 *
 * In exact mode frames are taken from the track, because the element passes over some; where the browser does not hand
 * those over, or has not yet, from the element. A page that has no time for all of the track's passes over some by itself
 * (`backlog.ts`).
 */
import { Backlog } from "./backlog.ts";
import { BoxShelf, HOLD_MS, NOTHING, type Drawn } from "./boxes.ts";
import type { StreamClock } from "./clock.ts";
import { ElementFrames } from "./element.ts";
import { Hold } from "./hold.ts";
import type { Size } from "./letterbox.ts";
import type { Measure } from "./measure.ts";
import { Overlay } from "./overlay.ts";
import { Rhythm } from "./rhythm.ts";
import { captureUs, rtpDifference } from "./rtp.ts";
import { Copies, MOST_PIXELS, Still } from "./still.ts";
import { tellsFrames } from "./support.ts";
import { eachFrame } from "./track.ts";
import type { Boxes, Mode } from "./wire.ts";

/** Above each other, each as large as the stage. */
export interface Elements {
  readonly video: HTMLVideoElement;
  readonly still: HTMLCanvasElement;
  readonly boxes: HTMLCanvasElement;
}

interface Frame {
  /** Null where the browser does not say. */
  readonly rtp: number | null;
  readonly picture: Size;
}

interface Copy extends Frame {
  readonly pixels: HTMLCanvasElement;
}

/** Where nothing was analysed for this long, what is kept is of no frame any more: timestamps come round after 13 hours. */
const QUIET_MS = 60_000;

/** Half a refresh of the screen: waiting for the next one would be further off. */
const NEAR_MS = 8;

export class Screen {
  private readonly shelf = new BoxShelf();
  private readonly overlay: Overlay;
  private readonly still: Still;
  private readonly copies = new Copies();
  private readonly backlog = new Backlog();
  private readonly element = new ElementFrames();
  private readonly hold = new Hold<Copy>(MOST_PIXELS, ({ picture }) => picture.width * picture.height);
  private readonly observer: ResizeObserver;
  private callback: number | null = null;
  private refresh: number | null = null;
  private track: MediaStreamTrack | null = null;
  private stopTrack: (() => void) | null = null;
  /** Whether the track hands its frames over. */
  private tapped = false;
  private current: Frame | null = null;
  private mode: Mode = "live";
  private holdMs = 0;
  private boxesMs = 0;
  /** Whether anything was analysed in this session: until then there is nothing to wait for. */
  private analysed = false;
  /** Of the frames that the browser has, whether they are shown by now or wait. */
  readonly arrivals = new Rhythm();

  constructor(
    private readonly elements: Elements,
    private readonly clock: StreamClock,
    private readonly measure: Measure,
    private readonly onPicture: (picture: Size) => void,
  ) {
    this.overlay = new Overlay(elements.boxes);
    this.still = new Still(elements.still, elements.video);
    this.observer = new ResizeObserver(([entry]) => {
      if (entry === undefined) return;
      this.overlay.resize(entry.contentRect, devicePixelRatio);
      this.redraw();
    });
    this.observer.observe(elements.boxes);
    this.nextFrame();
  }

  /** Whether this browser says which frame it shows (all do that tell the RTP timestamp; it is learnt at the first). */
  get matches(): boolean {
    return this.current === null || this.current.rtp !== null;
  }

  setMode(mode: Mode): void {
    if (mode === this.mode) return;
    this.mode = mode;
    this.tap();
    if (mode === "exact") return;
    this.release();
    this.copies.clear();
    this.still.clear();
  }

  /** How long after its capture, by the stream's clock, a frame is shown in exact mode. */
  setHold(ms: number): void {
    this.holdMs = ms;
  }

  /**
   * The stream's clock is another than it seemed: the frames that wait, do so for a time that means nothing, and the boxes
   * that are kept are of another time, but for a few, and more of those follow.
   */
  clockSet(): void {
    this.release();
    this.shelf.clear();
  }

  put(boxes: Boxes): void {
    const now = performance.now();
    this.boxesMs = now;
    this.analysed = true;
    this.measure.boxes(boxes, now, this.clock.streamUs(now));
    this.shelf.put(boxes);
    const shown = this.current?.rtp ?? null;
    if (shown === null || rtpDifference(shown, boxes.rtp) >= 0) this.redraw();
  }

  /** Another session: its frames and boxes have nothing to do with those before. */
  begin(track: MediaStreamTrack | null): void {
    this.track = track;
    this.analysed = false;
    this.tap();
    this.release();
    this.copies.clear(); // Up to 256 MB, which a tab that is paused must not hold.
    this.shelf.clear();
    this.arrivals.clear();
    this.backlog.clear();
    this.current = null;
    this.overlay.clear();
    this.still.clear();
  }

  close(): void {
    if (this.callback !== null) this.elements.video.cancelVideoFrameCallback(this.callback);
    this.observer.disconnect();
    this.begin(null);
  }

  /** Follows the track in exact mode. */
  private tap(): void {
    this.stopTrack?.();
    this.tapped = false;
    this.stopTrack = null;
    if (this.mode === "live" || this.track === null) return;
    this.stopTrack = eachFrame(
      this.track,
      (frame, rtp) => {
        this.tapped = true;
        this.keep(frame, { rtp, picture: { width: frame.displayWidth, height: frame.displayHeight } });
      },
      () => (this.tapped = false), // The element's own frames, then.
    );
  }

  private nextFrame(): void {
    const { video } = this.elements;
    if (!tellsFrames()) return; // Nothing is played there.
    this.callback = video.requestVideoFrameCallback((_, metadata) => {
      this.nextFrame();
      const frame = { rtp: metadata.rtpTimestamp ?? null, picture: { width: metadata.width, height: metadata.height } };
      if (this.mode === "exact") {
        this.backlog.presented(frame.rtp);
        if (!this.tapped) this.element.take(video, metadata.mediaTime, (source) => this.keep(source, frame));
        return;
      }
      const now = performance.now();
      this.arrivals.came(now, frame.rtp);
      this.show(frame, now, metadata.expectedDisplayTime);
    });
  }

  private keep(source: CanvasImageSource, frame: Frame): void {
    const now = performance.now();
    this.arrivals.came(now, frame.rtp);
    if (document.hidden) return; // The screen is not refreshed then.
    const dueMs = this.dueMs(frame, now);
    const { rtp } = frame;
    if (rtp !== null && this.backlog.passesOver(rtp, dueMs, now, () => this.shelf.own(rtp))) return;
    const pixels = this.copies.take(source, frame.picture);
    this.backlog.spent(performance.now());
    this.hold.put({ ...frame, pixels }, dueMs, now);
    if (this.hold.full) this.showDue();
    this.showAtRefresh();
  }

  /** Now, where the browser does not say which frame it is, or the stream's clock or boxes are not known yet. */
  private dueMs({ rtp }: Frame, now: number): number {
    const streamUs = this.clock.streamUs(now);
    if (rtp === null || streamUs === null || !this.analysed) return now;
    return now - (streamUs - captureUs(rtp, streamUs)) / 1000 + this.holdMs;
  }

  /** Once in each refresh of the screen, while copies wait: of two that are painted in one, nobody sees the first. */
  private showAtRefresh(): void {
    if (this.hold.length === 0 || this.refresh !== null) return;
    this.refresh = requestAnimationFrame(() => {
      this.refresh = null;
      this.showDue();
      this.showAtRefresh();
    });
  }

  private showDue(): void {
    const now = performance.now();
    const { show, skip } = this.hold.take(now + NEAR_MS, ({ rtp }) => (rtp === null ? "none" : this.shelf.own(rtp)));
    for (const copy of skip) this.copies.giveBack(copy.pixels);
    if (show === null) return;
    this.still.paint(show.pixels, show.picture);
    this.copies.giveBack(show.pixels);
    this.show(show, now, now);
    this.backlog.spent(performance.now());
  }

  private show({ rtp, picture }: Frame, now: number, expectedMs: number): void {
    this.current = { rtp, picture };
    if (now - this.boxesMs > QUIET_MS && this.shelf.newest() !== null) this.shelf.clear();
    const drawn = this.drawn(rtp);
    this.overlay.draw(drawn, picture);
    this.measure.frame(rtp, now, expectedMs, this.clock.streamUs(now), drawn);
    this.onPicture(picture);
  }

  private drawn(rtp: number | null): Drawn {
    if (rtp !== null) return this.shelf.on(rtp);
    const newest = this.shelf.newest();
    const ageMs = performance.now() - this.boxesMs;
    return newest === null || ageMs > HOLD_MS ? NOTHING : { kind: "held", boxes: newest, ageMs };
  }

  /** Boxes came for what is on screen, or the size changed. */
  private redraw(): void {
    if (this.current !== null) this.overlay.draw(this.drawn(this.current.rtp), this.current.picture);
  }

  private release(): void {
    if (this.refresh !== null) cancelAnimationFrame(this.refresh);
    this.refresh = null;
    for (const copy of this.hold.clear()) this.copies.giveBack(copy.pixels);
  }
}
