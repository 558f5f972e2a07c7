import { useEffect, useMemo, type RefObject } from "react";
import type { HubClient } from "../api/client.ts";
import { useStore } from "../ui/useStore.ts";
import { LivePlayer, type LiveView } from "./player.ts";
import { expose } from "./probe.ts";
import type { Mode } from "./wire.ts";

interface Elements {
  readonly video: RefObject<HTMLVideoElement | null>;
  readonly canvas: RefObject<HTMLCanvasElement | null>;
}

/** Plays a stream into the elements for as long as the component is there. `present`: the camera is known to be live. */
export function useLivePlayer(hub: HubClient, stream: string, mode: Mode, present: boolean, { video, canvas }: Elements): LiveView {
  const player = useMemo(() => new LivePlayer(hub, stream), [hub, stream]);
  useEffect(() => player.setMode(mode), [player, mode]);
  useEffect(() => {
    if (video.current === null || canvas.current === null) return;
    const stop = player.play(video.current, canvas.current);
    const hide = expose(player);
    return () => {
      hide();
      stop();
    };
  }, [player, video, canvas]);
  useEffect(() => {
    if (present) player.nudge();
  }, [player, present]);
  return useStore(player.view);
}
