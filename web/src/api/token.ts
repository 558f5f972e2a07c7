/**
 * Where the sign-in token lives: in this tab's session storage, and in memory. Never in the page, never in a URL for
 * longer than it takes to read it there.
 */

import { inTab } from "../ui/kept.ts";

const KEY = "omma.token";

/** The token in a URL fragment such as `#token=abc`, and the fragment without it. */
export function splitFragment(hash: string): { token: string | null; rest: string } {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const token = parameters.get("token");
  if (token === null) return { token: null, rest: hash };
  parameters.delete("token");
  const rest = parameters.toString();
  return { token: token.trim() === "" ? null : token.trim(), rest: rest === "" ? "" : `#${rest}` };
}

/** Takes a token out of the address bar and its history entry; null where there is none. */
export function takeTokenFromAddress(): string | null {
  const { token, rest } = splitFragment(location.hash);
  if (rest !== location.hash) history.replaceState(history.state, "", location.pathname + location.search + rest);
  return token;
}

export function storedToken(): string | null {
  return inTab.get(KEY);
}

export function storeToken(token: string): void {
  inTab.set(KEY, token);
}

export function forgetToken(): void {
  inTab.remove(KEY);
}
