/** Dark unless the person chose light on this browser. */
export type Theme = "dark" | "light";

const KEY = "omma.theme";

export function storedTheme(): Theme {
  return localStorage.getItem(KEY) === "light" ? "light" : "dark";
}

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
  localStorage.setItem(KEY, theme);
}
