import { useEffect, useRef, useState, type RefObject } from "react";
import type { HubClient } from "../api/client.ts";
import { LivePlayer, type LiveView } from "./player.ts";
import { expose } from "./probe.ts";
import type { Mode } from "./wire.ts";

interface Live {
  readonly view: LiveView | null;
  readonly player: LivePlayer | null;
}

const NONE: Live = { view: null, player: null };

/** Plays a stream into the elements for as long as the component is there. Null: nothing to play. */
export function useLivePlayer(
  hub: HubClient,
  stream: string | null,
  mode: Mode,
  video: RefObject<HTMLVideoElement | null>,
  canvas: RefObject<HTMLCanvasElement | null>,
): Live {
  const [live, setLive] = useState(NONE);
  const wanted = useRef(mode);
  const { player } = live;
  useEffect(() => {
    wanted.current = mode;
    player?.setMode(mode);
  }, [player, mode]);
  useEffect(() => {
    if (stream === null || video.current === null || canvas.current === null) return;
    const player = new LivePlayer(hub, stream, wanted.current, video.current, canvas.current);
    const hide = expose(player);
    const changed = (): void => setLive({ view: player.view.get(), player });
    changed();
    const unsubscribe = player.view.subscribe(changed);
    return () => {
      unsubscribe();
      hide();
      player.stop();
      setLive(NONE);
    };
  }, [hub, stream, video, canvas]);
  return live;
}
