import { useEffect, useMemo, useState, type CSSProperties } from "react";
import type { Rect } from "../api/json.ts";
import { PictureIcon } from "../ui/icons.tsx";
import { useStore } from "../ui/useStore.ts";
import { cropAround, cssShare } from "./crop.ts";
import type { StoredEvent } from "../api/event.ts";
import type { Pictures } from "./pictures.ts";
import { PictureSlot, type SlotState } from "./slot.ts";
import { capitalised } from "./words.ts";

interface EventPictureProps {
  readonly event: StoredEvent;
  readonly pictures: Pictures;
  /** Whether it is worth fetching yet. */
  readonly wanted: boolean;
}

/** Width by height of the small frame, as the style sheet has it. */
const FRAME = 4 / 3;

/** The part of the picture around the thing. */
export function EventPicture({ event, pictures, wanted }: EventPictureProps) {
  const shown = usePicture(event, pictures, wanted);
  const [aspect, setAspect] = useState<number | null>(null);
  return (
    <span className={`picture picture-${shown.kind}`}>
      {shown.kind === "shown" ? (
        <img
          src={shown.url}
          alt={`${capitalised(event.label)}, best view`}
          style={aspect === null ? HIDDEN : placed(cropAround(shown.box, aspect, FRAME))}
          onLoad={({ currentTarget }) => setAspect(currentTarget.naturalWidth / currentTarget.naturalHeight)}
        />
      ) : (
        <PictureIcon className="picture-icon" />
      )}
    </span>
  );
}

const HIDDEN: CSSProperties = { visibility: "hidden" };

function placed([x, y, width, height]: Rect): CSSProperties {
  return { left: cssShare(-x / width), top: cssShare(-y / height), width: cssShare(1 / width), height: cssShare(1 / height) };
}

/** An event keeps its id for as long as the component lives; its picture may get better. */
export function usePicture({ id, pictureRevision, box }: StoredEvent, pictures: Pictures, wanted: boolean): SlotState {
  const slot = useMemo(() => new PictureSlot(pictures), [pictures]);
  useEffect(() => () => slot.close(), [slot]);
  useEffect(() => {
    if (wanted && pictureRevision !== null) slot.want(id, pictureRevision, box);
  }, [slot, id, pictureRevision, box, wanted]);
  return useStore(slot.state);
}
