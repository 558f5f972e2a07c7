/** What every request of this page comes to. Nothing here throws: a caller looks at `kind`. */

/** Why something did not succeed, by who can mend it. */
export type Failure =
  /** The token is not, or no longer, the hub's: the person signs in again. */
  | { readonly kind: "unauthorized" }
  /** The hub understood and said no; `code` and `message` are its own. */
  | { readonly kind: "refused"; readonly status: number; readonly code: string; readonly message: string }
  /** No answer: the hub is down, the network is, or it took too long. */
  | { readonly kind: "unreachable"; readonly message: string }
  /** An answer that this version of the page cannot read. */
  | { readonly kind: "malformed"; readonly message: string };

export type Result<T> =
  | { readonly kind: "success"; readonly value: T }
  /** The caller gave up; there is nothing to tell anyone. */
  | { readonly kind: "aborted" }
  | { readonly kind: "error"; readonly failure: Failure };

export function success<T>(value: T): { readonly kind: "success"; readonly value: T } {
  return { kind: "success", value };
}

export function failed(failure: Failure): { readonly kind: "error"; readonly failure: Failure } {
  return { kind: "error", failure };
}

/** Whether it is of the moment: the same request may succeed later, with nobody doing anything about it. */
export function passes(failure: Failure): boolean {
  return failure.kind === "unreachable" || (failure.kind === "refused" && (failure.status >= 500 || failure.status === 429));
}

/** The failure as one sentence for people. */
export function explain(failure: Failure): string {
  switch (failure.kind) {
    case "unauthorized":
      return "The hub no longer accepts this sign-in token.";
    case "refused":
      return sentence(failure.message);
    case "unreachable":
      return failure.message;
    case "malformed":
      return `The hub's answer could not be read (${failure.message}). Reload the page: it may be older than the hub.`;
  }
}

/** The hub's messages begin in lower case and have no full stop, as they also end lines of its log. */
export function sentence(message: string): string {
  const text = message.trim();
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) || begun === "" ? begun : `${begun}.`;
}
