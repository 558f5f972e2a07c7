import { useEffect, useRef, useState, type ReactNode } from "react";
import { CloseIcon } from "../ui/icons.tsx";
import { everyMinute } from "../ui/ticker.ts";
import { useStore } from "../ui/useStore.ts";
import { Elapsed } from "./Elapsed.tsx";
import type { StoredEvent } from "../api/event.ts";
import { CopyLink } from "./CopyLink.tsx";
import { DialogPicture } from "./DialogPicture.tsx";
import type { Pictures } from "./pictures.ts";
import { StepButton } from "./StepButton.tsx";
import { capitalised, clockTime, dayOf, ending, fullTime, percent, reason } from "./words.ts";

interface EventDialogProps {
  readonly event: StoredEvent;
  readonly camera: string;
  /** Whether nothing is heard of its edge. */
  readonly silent: boolean;
  /** How far the clock of its edge, by which it began, is ahead of the hub's, in microseconds. */
  readonly aheadUs: number;
  readonly pictures: Pictures;
  /** Go to the events beside it in the list; null at its ends. */
  readonly onNewer: (() => void) | null;
  readonly onOlder: (() => void) | null;
  /** Why there is none older just now; null where that needs no word. */
  readonly trouble: string | null;
  readonly onClose: () => void;
}

/**
 * The native dialog brings the focus trap, Escape and closing by a click beside it. It stays open from one event to the
 * next, by its buttons or the arrow keys, in the order of the list.
 */
export function EventDialog({ event, camera, silent, aheadUs, pictures, onNewer, onOlder, trouble, onClose }: EventDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const hasCrop = event.picture?.hasCrop === true;
  const [near, setNear] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const ended = ending(event, silent);
  const day = dayOf(event.openedUs, useStore(everyMinute));
  // Of the whole page: what had the focus may go with the event that it belonged to, as the check box does.
  useEffect(() => {
    const pressed = ({ key, altKey, ctrlKey, metaKey }: KeyboardEvent): void => {
      if (altKey || ctrlKey || metaKey) return; // The browser's own: Alt and ← is its way back.
      if (key === "ArrowLeft") onNewer?.();
      if (key === "ArrowRight") onOlder?.();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [onNewer, onOlder]);
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="event-title" closedby="any" onClose={onClose}>
      <div className="dialog-head">
        <div aria-live="polite" aria-atomic="true">
          <h2 id="event-title">{capitalised(event.label)}</h2>
          <p className="quiet">
            {camera}, <time dateTime={new Date(event.openedUs / 1000).toISOString()}>{day ?? "today"} at {clockTime(event.openedUs)}</time>
          </p>
        </div>
        {hasCrop && (
          <label className="check">
            <input type="checkbox" checked={near} onChange={(change) => setNear(change.target.checked)} />
            <span>Close-up</span>
          </label>
        )}
        <button type="button" className="icon-button" aria-label="Close" onClick={() => dialog.current?.close()}>
          <CloseIcon />
        </button>
      </div>
      <div className="dialog-stage">
        <DialogPicture key={event.id} event={event} camera={camera} view={near && hasCrop ? "crop" : "picture"} pictures={pictures} />
        <StepButton to="newer" onStep={onNewer} />
        <StepButton to="older" onStep={onOlder} />
      </div>
      {trouble !== null && (
        <p className="hint dialog-trouble" role="alert">
          {trouble}
        </p>
      )}
      <dl className="facts dialog-facts">
        <Fact name="Score">{percent(event.score)}</Fact>
        {ended === null ? (
          <Fact name="Goes on for">
            <Elapsed sinceUs={event.openedUs - aheadUs} />
          </Fact>
        ) : (
          <Fact name={ended.name}>
            {ended.words} {ended.why !== null && <small className="sentence">{ended.why}</small>}
          </Fact>
        )}
        <Fact name="Best view at">{clockTime(event.bestUs)}</Fact>
        {event.track !== 0 && <Fact name="Track">#{event.track}</Fact>}
        {event.rule !== null && (
          <Fact name="Rule">
            {event.rule} <small>{reason(event.why)}</small>
          </Fact>
        )}
        <Fact name="Detector">
          {event.model} <small>{event.engine}, {event.place === "edge" ? "at the edge" : "in the hub"}</small>
        </Fact>
      </dl>
      <div className="dialog-foot">
        <p className="dialog-id">
          Began {fullTime(event.openedUs)}
          <br />
          Event <code>{event.id}</code>
        </p>
        <CopyLink event={event} />
      </div>
    </dialog>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd className="fact-value">{children}</dd>
    </div>
  );
}
