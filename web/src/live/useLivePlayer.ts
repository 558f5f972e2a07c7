import { useEffect, useMemo, type RefObject } from "react";
import type { HubClient } from "../api/client.ts";
import { useStore } from "../ui/useStore.ts";
import { LivePlayer, type LiveView } from "./player.ts";
import { expose } from "./probe.ts";
import type { Elements } from "./screen.ts";
import type { Mode } from "./wire.ts";

interface Played {
  readonly view: LiveView;
  readonly onPlay: () => void;
}

type Refs = { readonly [Name in keyof Elements]: RefObject<Elements[Name] | null> };

/** Plays a stream into the elements for as long as the component is there. `present`: the camera is known to be live. */
export function useLivePlayer(hub: HubClient, stream: string, mode: Mode, present: boolean, { video, still, boxes }: Refs): Played {
  const player = useMemo(() => new LivePlayer(hub, stream), [hub, stream]);
  useEffect(() => player.setMode(mode), [player, mode]);
  useEffect(() => {
    if (video.current === null || still.current === null || boxes.current === null) return;
    const stop = player.play({ video: video.current, still: still.current, boxes: boxes.current });
    const hide = expose(player);
    return () => {
      hide();
      stop();
    };
  }, [player, video, still, boxes]);
  useEffect(() => {
    if (present) player.nudge();
  }, [player, present]);
  return { view: useStore(player.view), onPlay: () => player.press() };
}
