/** What the browser says of its screen and of its person, as values that change. */
import type { Readable } from "./store.ts";

class Media implements Readable<boolean> {
  private list: MediaQueryList | null = null;

  constructor(private readonly query: string) {}

  readonly get = (): boolean => this.media().matches;

  readonly subscribe = (listener: () => void): (() => void) => {
    const media = this.media();
    media.addEventListener("change", listener);
    return () => media.removeEventListener("change", listener);
  };

  /** Not asked for at once: where only the pure parts run, there is no screen. */
  private media(): MediaQueryList {
    return (this.list ??= matchMedia(this.query));
  }
}

/** One column, which the page scrolls: the style sheets' narrowest. */
export const oneColumn = new Media("(width < 820px), (height < 500px)");
export const prefersLight = new Media("(prefers-color-scheme: light)");

/** Whether a part of the page has the whole screen. */
export const wholeScreen: Readable<boolean> = {
  get: () => document.fullscreenElement !== null,
  subscribe: (listener) => {
    document.addEventListener("fullscreenchange", listener);
    return () => document.removeEventListener("fullscreenchange", listener);
  },
};
