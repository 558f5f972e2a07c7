import type { CSSProperties } from "react";
import type { Rect } from "../api/json.ts";
import type { StoredEvent, View } from "../api/event.ts";
import { colourOf } from "../live/overlay.ts";
import { PictureIcon, SaveIcon } from "../ui/icons.tsx";
import { cssShare } from "./crop.ts";
import { usePicture } from "./EventPicture.tsx";
import type { Pictures } from "./pictures.ts";
import { capitalised, fileName } from "./words.ts";

interface DialogPictureProps {
  readonly event: StoredEvent;
  readonly camera: string;
  readonly view: View;
  readonly pictures: Pictures;
}

/** The picture of one event in large: another event has another of these, so that no picture stands under another's name. */
export function DialogPicture({ event, camera, view, pictures }: DialogPictureProps) {
  const shown = usePicture(event, view, pictures, true);
  const what = `${capitalised(event.label)} on ${camera}`;
  return (
    <div className={`dialog-picture picture-${shown.kind}`}>
      {shown.kind === "shown" && shown.view === "crop" && <img className="dialog-crop" src={shown.url} alt={`${what}, from near`} />}
      {shown.kind === "shown" && shown.view === "picture" && (
        <span className="dialog-frame">
          <img src={shown.url} alt={`${what}, best view`} />
          <span className="dialog-box" style={placed(shown.box, colourOf(event.label))} />
        </span>
      )}
      {shown.kind === "shown" && (
        <a
          className="icon-button save"
          href={shown.url}
          download={fileName(event, shown.view)}
          aria-label="Save the picture"
          title="Save the picture"
        >
          <SaveIcon />
        </a>
      )}
      {shown.kind === "shown" && shown.trouble !== null && (
        <p className="hint dialog-late" role="status">
          {view === "crop" ? "The close-up" : "The picture"} could not be loaded. {shown.trouble}
        </p>
      )}
      {shown.kind === "loading" && <p className="hint">Loading the picture…</p>}
      {shown.kind === "failed" && <p className="hint">The picture could not be loaded. {shown.message}</p>}
      {shown.kind === "none" && (
        <p className="hint">
          <PictureIcon /> The edge has not sent a picture of this event yet.
        </p>
      )}
    </div>
  );
}

function placed([x, y, width, height]: Rect, borderColor: string): CSSProperties {
  return { left: cssShare(x), top: cssShare(y), width: cssShare(width), height: cssShare(height), borderColor };
}
