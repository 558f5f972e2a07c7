import { MAX_CAPACITY } from "./feed.ts";
import type { EventFilter } from "./filter.ts";
import type { OlderState } from "./list.ts";
import { capitalised, minuteTime } from "./words.ts";

interface NoEventsProps {
  readonly filter: EventFilter;
  /** Name of the only camera that is asked for; null for all. */
  readonly camera: string | null;
  readonly onAll: () => void;
}

/** What is said in place of the list while there is nothing in it. */
export function NoEvents({ filter: { label, until }, camera, onAll }: NoEventsProps) {
  if (label === null && camera === null && until === null) {
    return (
      <div className="empty">
        <p className="empty-title">Nothing has happened yet</p>
        <p>An event appears here, with its picture, as soon as something is seen that the camera’s labels ask for.</p>
      </div>
    );
  }
  return (
    <div className="empty">
      <p className="empty-title">{until === null ? "No such event yet" : "No such event until then"}</p>
      <p>
        {label === null ? "Nothing" : `“${capitalised(label)}”`} was seen {camera === null ? "on any camera" : `on ${camera}`}{" "}
        {until === null ? "so far. What is seen from now on appears here." : `until ${minuteTime(until)}, or it is no longer kept.`}
      </p>
      <button type="button" className="button" onClick={onAll}>
        Show all events
      </button>
    </div>
  );
}

interface OlderProps {
  readonly state: OlderState;
  /** Whether all that is in the list began in one minute: whoever goes on leaves out the rest of that minute. */
  readonly oneMinute: boolean;
  readonly onMore: () => void;
  /** Goes on from the last event in another list. */
  readonly onBeyond: () => void;
}

/** Said at the end of a list that is as long as it may be. */
export const FULL = `${MAX_CAPACITY} events are shown, and no more at once.`;

export function Older({ state, oneMinute, onMore, onBeyond }: OlderProps) {
  switch (state.kind) {
    case "none":
      return null;
    case "full":
      return (
        <div className="older">
          <p className="hint">
            {FULL} {oneMinute ? "They began in one minute: choose a label or a camera for others of it." : "Choose a label, a camera or a date for others."}
          </p>
          <button type="button" className="button" onClick={onBeyond}>
            {oneMinute ? "Go on with the minute before" : "Go on with older events"}
          </button>
        </div>
      );
    case "there":
    case "loading":
    case "failed":
      return (
        <div className="older">
          <p className={state.kind === "failed" ? "hint" : "hidden"} role="status">
            {state.kind === "failed" ? state.message : state.kind === "loading" ? "Loading older events" : ""}
          </p>
          {/* The same button all the while, and not `disabled`: that would take the focus from whoever has pressed it. */}
          <button type="button" className="button" aria-disabled={state.kind === "loading"} onClick={onMore}>
            {state.kind === "loading" ? "Loading…" : "Load older events"}
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
