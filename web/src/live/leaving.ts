/**
 * The page being left, and come back to.
 *
 * `pagehide` is the last moment in which a page can say anything (`unload` and `beforeunload` do not come on phones). A
 * browser may keep the page as it is and bring it back: then `pageshow` comes once more, with `persisted`.
 */
export function whileHere(left: () => void, back: () => void, page: EventTarget = window): () => void {
  const shown = (event: Event): void => {
    if ("persisted" in event && event.persisted === true) back();
  };
  page.addEventListener("pagehide", left);
  page.addEventListener("pageshow", shown);
  return () => {
    page.removeEventListener("pagehide", left);
    page.removeEventListener("pageshow", shown);
  };
}
