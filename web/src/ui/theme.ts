/** As the system prefers it, unless the person chose on this browser. */
import { inBrowser } from "./kept.ts";
import { prefersLight } from "./media.ts";

export type Theme = "dark" | "light";

const KEY = "omma.theme.chosen";
/** Pages of before wrote the theme here at each load, chosen or not. */
const OLD_KEY = "omma.theme";

/** Null where the person has not chosen. */
export function chosenTheme(): Theme | null {
  const stored = inBrowser.get(KEY);
  return stored === "light" || stored === "dark" ? stored : null;
}

/** What the style sheet makes of it. */
export function themeOf(chosen: Theme | null, light: boolean): Theme {
  return chosen ?? (light ? "light" : "dark");
}

/** A choice that agrees with the system is none: the page goes on following it. */
export function chooseTheme(theme: Theme): void {
  if (theme === themeOf(null, prefersLight.get())) inBrowser.remove(KEY);
  else inBrowser.set(KEY, theme);
  applyTheme();
}

export function applyTheme(): void {
  inBrowser.remove(OLD_KEY);
  const chosen = chosenTheme();
  if (chosen === null) delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
  // The browser's own bars: of the two colours of `index.html`, the one that applies.
  for (const meta of document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")) {
    const { theme } = meta.dataset;
    meta.media = chosen === null ? `(prefers-color-scheme: ${theme})` : theme === chosen ? "all" : "not all";
  }
}
