/**
 * Frames as the page paints them itself, in exact mode.
 *
 * A browser composes a `<video>` and a canvas above it independently, and may show them one refresh apart. Two canvases
 * that are painted in one task reach the screen together; so the frame is painted beneath its boxes.
 */
import type { Size } from "./letterbox.ts";

export class Still {
  private readonly context: CanvasRenderingContext2D | null;

  /** `beneath` is not drawn while this is: else the browser converts and scales each of its frames for nobody to see. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly beneath: HTMLElement,
  ) {
    this.context = canvas.getContext("2d", { alpha: false });
    this.clear();
  }

  /** Paints a frame pixel for pixel; the style sheet scales it. */
  paint(frame: CanvasImageSource, { width, height }: Size): void {
    fit(this.canvas, width, height);
    this.reveal(true);
    this.context?.drawImage(frame, 0, 0, width, height);
  }

  clear(): void {
    this.reveal(false);
  }

  /** By its opacity: so the video goes on telling its frames, and stays what assistive technology finds. */
  private reveal(shown: boolean): void {
    this.canvas.hidden = !shown;
    this.beneath.style.opacity = shown ? "0" : "";
  }
}

/** What copies may take up: 256 MB at 4 bytes each. Safari on a phone has 384 MB for all canvases, then draws nothing. */
export const MOST_PIXELS = 64 * 1024 * 1024;

/** Copies of frames that wait, on canvases that are used again. */
export class Copies {
  private readonly spare: HTMLCanvasElement[] = [];

  /** The frame, or the one that the element shows at this moment. Whoever takes a copy owes a `giveBack`. */
  take(frame: CanvasImageSource, { width, height }: Size): HTMLCanvasElement {
    const canvas = this.spare.pop() ?? document.createElement("canvas");
    fit(canvas, width, height);
    canvas.getContext("2d", { alpha: false })?.drawImage(frame, 0, 0, width, height);
    return canvas;
  }

  giveBack(canvas: HTMLCanvasElement): void {
    this.spare.push(canvas);
  }

  /** Frees the memory, at once: Safari keeps a canvas for a while after the last who knew it is gone. */
  clear(): void {
    for (const canvas of this.spare.splice(0)) fit(canvas, 0, 0);
  }
}

/** Setting a canvas's size, even to what it is, throws its content away. */
function fit(canvas: HTMLCanvasElement, width: number, height: number): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}
