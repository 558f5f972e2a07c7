/**
 * The frame on screen, painted onto a canvas of its own, in exact mode.
 *
 * A browser composes a `<video>` and a canvas above it independently, and may show them one refresh apart. Two canvases
 * that are painted in one task reach the screen together; so the frame is painted beneath its boxes.
 */
import type { Size } from "./letterbox.ts";

export class Still {
  private readonly context: CanvasRenderingContext2D | null;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d", { alpha: false });
    this.clear();
  }

  /** Paints the frame that the element shows at this moment, pixel for pixel; the style sheet scales it. */
  paint(video: HTMLVideoElement, { width, height }: Size): void {
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.canvas.hidden = false;
    this.context?.drawImage(video, 0, 0, width, height);
  }

  clear(): void {
    this.canvas.hidden = true;
  }
}
