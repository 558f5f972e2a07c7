import { useEffect, useRef } from "react";
import type { HubClient } from "../api/client.ts";
import type { Camera } from "../api/types.ts";
import type { CamerasState } from "../cameras/poll.ts";
import { describePlacement, describeVideo } from "../cameras/words.ts";
import { ExpandIcon } from "../ui/icons.tsx";
import { CoverPanel } from "./CoverPanel.tsx";
import { LiveFacts } from "./LiveFacts.tsx";
import { ModeSwitch } from "./ModeSwitch.tsx";
import { useLivePlayer } from "./useLivePlayer.ts";
import type { Mode } from "./wire.ts";
import { coverOf, milliseconds } from "./words.ts";

interface LiveTileProps {
  readonly hub: HubClient;
  readonly camera: Camera | null;
  readonly cameras: CamerasState;
  readonly mode: Mode;
  readonly onMode: (mode: Mode) => void;
}

export function LiveTile({ hub, camera, cameras, mode, onMode }: LiveTileProps) {
  const stage = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { view, player } = useLivePlayer(hub, camera?.stream ?? null, mode, video, canvas);
  const cameraState = camera?.state;
  useEffect(() => {
    if (cameraState === "live") player?.nudge();
  }, [player, cameraState]);
  const cover = coverOf(cameras, camera, view?.state ?? { kind: "connecting", attempt: 0 });
  const latency = view?.state.kind === "playing" ? view.stats.latency : null;
  const subtitle = camera === null ? null : [camera.edge, describeVideo(camera), describePlacement(camera.placement)];
  return (
    <section className="tile" aria-label={camera === null ? "Live picture" : `Live picture of ${camera.name}`}>
      <div className="tile-head">
        <div className="tile-title">
          <h2>{camera?.name ?? "Live"}</h2>
          {subtitle !== null && <p className="quiet">{subtitle.filter((part) => part !== null).join(" · ")}</p>}
        </div>
        <ModeSwitch mode={mode} onMode={onMode} />
      </div>
      <div ref={stage} className={`stage cover-${cover.kind}`}>
        <video ref={video} muted autoPlay playsInline aria-label={camera === null ? "Live video" : `Live video of ${camera.name}`} />
        <canvas ref={canvas} aria-hidden="true" />
        {latency !== null && (
          <p className="badge" title="From capture to the screen, measured on every frame of the last five seconds">
            <span className="badge-live">{mode === "exact" ? "Exact" : "Live"}</span>
            <span>
              p50 <b>{milliseconds(latency.p50)}</b>
            </span>
            <span>
              p95 <b>{milliseconds(latency.p95)}</b>
            </span>
          </p>
        )}
        <CoverPanel cover={cover} />
        <button
          type="button"
          className="icon-button stage-button"
          aria-label="Show the picture on the whole screen"
          title="Whole screen"
          onClick={() => void toggleWhole(stage.current)}
        >
          <ExpandIcon />
        </button>
      </div>
      <LiveFacts view={view} camera={camera} />
    </section>
  );
}

async function toggleWhole(stage: HTMLElement | null): Promise<void> {
  try {
    await (document.fullscreenElement === null ? stage?.requestFullscreen() : document.exitFullscreen());
  } catch {
    // The browser does not allow it here; the picture stays as it is.
  }
}
