import type { EventFilter } from "./filter.ts";
import type { OlderState } from "./list.ts";
import { capitalised } from "./words.ts";

interface NoEventsProps {
  readonly filter: EventFilter;
  /** Name of the only camera that is asked for; null for all. */
  readonly camera: string | null;
  readonly onAll: () => void;
}

/** What is said in place of the list while there is nothing in it. */
export function NoEvents({ filter: { label }, camera, onAll }: NoEventsProps) {
  if (label === null && camera === null) {
    return (
      <div className="empty">
        <p className="empty-title">Nothing has happened yet</p>
        <p>An event appears here, with its picture, as soon as something is seen that the camera’s labels ask for.</p>
      </div>
    );
  }
  return (
    <div className="empty">
      <p className="empty-title">No such event yet</p>
      <p>
        {label === null ? "Nothing" : `“${capitalised(label)}”`} was seen {camera === null ? "on any camera" : `on ${camera}`} so far. What is
        seen from now on appears here.
      </p>
      <button type="button" className="button" onClick={onAll}>
        Show all events
      </button>
    </div>
  );
}

export function Older({ state, onMore }: { readonly state: OlderState; readonly onMore: () => void }) {
  switch (state.kind) {
    case "none":
      return null;
    case "loading":
      return <p className="hint">Loading…</p>;
    case "there":
    case "failed":
      return (
        <div className="older">
          {state.kind === "failed" && <p className="hint">{state.message}</p>}
          <button type="button" className="button" onClick={onMore}>
            Load older events
          </button>
        </div>
      );
  }
}

export function Placeholders() {
  return (
    <div className="placeholders" role="status" aria-label="Loading the events">
      {["a", "b", "c", "d", "e"].map((key) => (
        <div key={key} className="placeholder" />
      ))}
    </div>
  );
}
