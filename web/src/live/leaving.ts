/**
 * The page being left, and come back to. A page that nobody has seen for `HIDDEN_MS` is left too: in a forgotten tab a live
 * picture would have an edge send all of its video day and night. To look into another tab for a moment is not to leave.
 *
 * `pagehide` is the last moment in which a page can say anything (`unload` and `beforeunload` do not come on phones). A
 * browser may keep the page as it is and bring it back: then `pageshow` comes once more, with `persisted`.
 *
 * A video that floats above other windows (picture-in-picture) is seen, whatever has become of its tab.
 */
export const HIDDEN_MS = 60_000;

/** What of a `Document` says whether it is seen. Older Firefox names no floating element, and a page of one is not hidden. */
export interface Sight extends EventTarget {
  readonly hidden: boolean;
  readonly pictureInPictureElement?: Element | null;
}

const SEEN = ["visibilitychange", "enterpictureinpicture", "leavepictureinpicture"] as const;

/** `left` and `back` come by turns, `left` first. */
export function whileHere(left: () => void, back: () => void, page: EventTarget = window, sight: Sight = document): () => void {
  let here = true;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const leave = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (here) left();
    here = false;
  };
  const look = (): void => {
    if (!sight.hidden || (sight.pictureInPictureElement ?? null) !== null) {
      clearTimeout(timer);
      timer = undefined;
      if (!here) back();
      here = true;
    } else if (here) timer ??= setTimeout(leave, HIDDEN_MS);
  };
  const shown = (event: Event): void => {
    if ("persisted" in event && event.persisted === true) look();
  };
  page.addEventListener("pagehide", leave);
  page.addEventListener("pageshow", shown);
  for (const name of SEEN) sight.addEventListener(name, look);
  look();
  return () => {
    clearTimeout(timer);
    page.removeEventListener("pagehide", leave);
    page.removeEventListener("pageshow", shown);
    for (const name of SEEN) sight.removeEventListener(name, look);
  };
}
