import { useEffect, useMemo, useState, type CSSProperties } from "react";
import type { Rect } from "../api/json.ts";
import { NoPictureIcon, PictureIcon } from "../ui/icons.tsx";
import { useStore } from "../ui/useStore.ts";
import { cropAround, cssShare } from "./crop.ts";
import type { StoredEvent, View } from "../api/event.ts";
import type { Pictures } from "./pictures.ts";
import { PictureSlot, type SlotState } from "./slot.ts";

interface EventPictureProps {
  readonly event: StoredEvent;
  readonly pictures: Pictures;
  /** Whether it is worth fetching yet. */
  readonly wanted: boolean;
}

/** Width by height of the small frame, as the style sheet has it. */
const FRAME = 1;

/** What is around the thing: the crop, or where there is none that part of the whole picture. The words beside it say what it is. */
export function EventPicture({ event, pictures, wanted }: EventPictureProps) {
  const shown = usePicture(event, event.picture?.hasCrop === true ? "crop" : "picture", pictures, wanted);
  const [aspect, setAspect] = useState<number | null>(null);
  return (
    <span className={`picture picture-${shown.kind}`}>
      {shown.kind === "failed" ? (
        <>
          <NoPictureIcon className="picture-icon" />
          <span className="hidden">Its picture could not be loaded.</span>
        </>
      ) : shown.kind !== "shown" ? (
        <PictureIcon className="picture-icon" />
      ) : shown.view === "crop" ? (
        <img className="picture-crop" src={shown.url} alt="" />
      ) : (
        <img
          src={shown.url}
          alt=""
          style={aspect === null ? HIDDEN : placed(cropAround(shown.box, aspect, FRAME))}
          onLoad={({ currentTarget }) => setAspect(currentTarget.naturalWidth / currentTarget.naturalHeight)}
        />
      )}
    </span>
  );
}

const HIDDEN: CSSProperties = { visibility: "hidden" };

function placed([x, y, width, height]: Rect): CSSProperties {
  return { left: cssShare(-x / width), top: cssShare(-y / height), width: cssShare(1 / width), height: cssShare(1 / height) };
}

/** An event keeps its id for as long as the component lives; its picture may get better. */
export function usePicture({ id, picture, box }: StoredEvent, view: View, pictures: Pictures, wanted: boolean): SlotState {
  const revision = picture?.revision ?? null;
  const slot = useMemo(() => new PictureSlot(pictures), [pictures]);
  useEffect(() => () => slot.close(), [slot]);
  useEffect(() => {
    if (wanted && revision !== null) slot.want(id, revision, view, box);
  }, [slot, id, revision, view, box, wanted]);
  return useStore(slot.state);
}
