import { useEffect, useRef, useState, type CSSProperties, type ReactNode } from "react";
import type { Rect } from "../api/json.ts";
import { colourOf } from "../live/overlay.ts";
import { CloseIcon, PictureIcon } from "../ui/icons.tsx";
import { everyMinute } from "../ui/ticker.ts";
import { useStore } from "../ui/useStore.ts";
import { Elapsed } from "./Elapsed.tsx";
import type { StoredEvent } from "../api/event.ts";
import { cssShare } from "./crop.ts";
import { usePicture } from "./EventPicture.tsx";
import type { Pictures } from "./pictures.ts";
import { capitalised, clockTime, dayOf, duration, percent, reason } from "./words.ts";

interface EventDialogProps {
  readonly event: StoredEvent;
  readonly camera: string;
  readonly pictures: Pictures;
  readonly onClose: () => void;
}

/** The native dialog brings the focus trap, Escape, closing by a click beside it, and the way back to where the focus was. */
export function EventDialog({ event, camera, pictures, onClose }: EventDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const hasCrop = event.picture?.hasCrop === true;
  const [near, setNear] = useState(false);
  const shown = usePicture(event, near && hasCrop ? "crop" : "picture", pictures, true);
  useEffect(() => dialog.current?.showModal(), []);
  const day = dayOf(event.openedUs, useStore(everyMinute));
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="event-title" closedby="any" onClose={onClose}>
      <div className="dialog-head">
        <div>
          <h2 id="event-title">{capitalised(event.label)}</h2>
          <p className="quiet">
            {camera}, {day === null ? "today" : day} at {clockTime(event.openedUs)}
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
      <div className={`dialog-picture picture-${shown.kind}`}>
        {shown.kind === "shown" && shown.view === "crop" && (
          <img className="dialog-crop" src={shown.url} alt={`${capitalised(event.label)} on ${camera}, from near`} />
        )}
        {shown.kind === "shown" && shown.view === "picture" && (
          <span className="dialog-frame">
            <img src={shown.url} alt={`${capitalised(event.label)} on ${camera}, best view`} />
            <span className="dialog-box" style={placed(shown.box, colourOf(event.label))} />
          </span>
        )}
        {shown.kind === "loading" && <p className="hint">Loading the picture…</p>}
        {shown.kind === "failed" && <p className="hint">The picture could not be loaded. {shown.message}</p>}
        {shown.kind === "none" && (
          <p className="hint">
            <PictureIcon /> The edge has not sent a picture of this event yet.
          </p>
        )}
      </div>
      <dl className="facts dialog-facts">
        <Fact name="Score">{percent(event.score)}</Fact>
        <Fact name={event.closedUs === null ? "Goes on for" : "Lasted"}>
          {event.closedUs === null ? <Elapsed sinceUs={event.openedUs} /> : duration(event.closedUs - event.openedUs)}
        </Fact>
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
      <p className="dialog-id">
        Event <code>{event.id}</code>
      </p>
    </dialog>
  );
}

function placed([x, y, width, height]: Rect, borderColor: string): CSSProperties {
  return { left: cssShare(x), top: cssShare(y), width: cssShare(width), height: cssShare(height), borderColor };
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd className="fact-value">{children}</dd>
    </div>
  );
}
