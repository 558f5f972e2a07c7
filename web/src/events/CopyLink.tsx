import { useEffect, useState } from "react";
import { START, writePlace } from "../ui/address.ts";
import type { StoredEvent } from "../api/event.ts";

/** How long it is said that it was copied. */
const SAID_MS = 2000;

/** What became of the copying, and of which event. */
interface Said {
  readonly id: string;
  readonly kind: "copied" | "refused";
}

/** Nothing of another event: the button stays, with the focus, while one steps to the next. */
export function saidOf(said: Said | null, id: string): string {
  if (said === null || said.id !== id) return "";
  return said.kind === "copied" ? "Copied" : "The browser does not allow it";
}

/** Copies a link to one event. Browsers let pages write there by `https` alone, or on the hub's own machine; else it stands in the address. */
export function CopyLink({ event: { id, stream } }: { readonly event: StoredEvent }) {
  const [said, setSaid] = useState<Said | null>(null);
  useEffect(() => {
    const timer = said === null ? undefined : setTimeout(() => setSaid(null), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  if (!("clipboard" in navigator)) return null;
  const copy = (): void => {
    const url = new URL(location.pathname, location.href);
    url.hash = writePlace({ ...START, camera: stream, event: id });
    navigator.clipboard.writeText(url.href).then(
      () => setSaid({ id, kind: "copied" }),
      () => setSaid({ id, kind: "refused" }),
    );
  };
  return (
    <span className="copy-link">
      <span role="status">{saidOf(said, id)}</span>
      <button type="button" className="button" onClick={copy}>
        Copy link
      </button>
    </span>
  );
}
