import { useEffect, useMemo } from "react";
import { PictureIcon } from "../ui/icons.tsx";
import { useStore } from "../ui/useStore.ts";
import type { StoredEvent } from "./event.ts";
import type { Pictures } from "./pictures.ts";
import { PictureSlot, type SlotState } from "./slot.ts";
import { capitalised } from "./words.ts";

interface EventPictureProps {
  readonly event: StoredEvent;
  readonly pictures: Pictures;
  /** Whether it is worth fetching yet. */
  readonly wanted: boolean;
}

export function EventPicture({ event, pictures, wanted }: EventPictureProps) {
  const shown = usePicture(event, pictures, wanted);
  return (
    <span className={`picture picture-${shown.kind}`}>
      {shown.kind === "shown" ? (
        <img src={shown.url} alt={`${capitalised(event.label)}, best view`} />
      ) : (
        <PictureIcon className="picture-icon" />
      )}
    </span>
  );
}

/** An event keeps its id for as long as the component lives; its picture may get better. */
export function usePicture({ id, pictureRevision }: StoredEvent, pictures: Pictures, wanted: boolean): SlotState {
  const slot = useMemo(() => new PictureSlot(pictures), [pictures]);
  useEffect(() => () => slot.close(), [slot]);
  useEffect(() => {
    if (wanted && pictureRevision !== null) slot.want(id, pictureRevision);
  }, [slot, id, pictureRevision, wanted]);
  return useStore(slot.state);
}
