import { useRef } from "react";
import type { HubClient } from "../api/client.ts";
import type { Camera } from "../cameras/camera.ts";
import type { CamerasState } from "../cameras/poll.ts";
import { describeCamera, describePlacement, describeVideo } from "../cameras/words.ts";
import { ExpandIcon } from "../ui/icons.tsx";
import { wholeScreen } from "../ui/media.ts";
import { useStore } from "../ui/useStore.ts";
import { CoverPanel } from "./CoverPanel.tsx";
import { LiveFacts } from "./LiveFacts.tsx";
import { ModeSwitch } from "./ModeSwitch.tsx";
import type { LiveView } from "./player.ts";
import { useLivePlayer } from "./useLivePlayer.ts";
import type { Mode } from "./wire.ts";
import { coverOf, milliseconds, withoutCamera } from "./words.ts";

interface LiveTileProps {
  readonly hub: HubClient;
  readonly camera: Camera;
  readonly mode: Mode;
  readonly onMode: (mode: Mode) => void;
}

export function LiveTile({ hub, camera, mode, onMode }: LiveTileProps) {
  const stage = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const boxes = useRef<HTMLCanvasElement>(null);
  const { view, onPlay } = useLivePlayer(hub, camera.stream, mode, camera.state === "live", { video, still, boxes });
  const cover = coverOf(camera, view.state);
  const whole = useStore(wholeScreen);
  // Of a camera that plays nothing stands over the picture why.
  const unseen = camera.state === "live" ? describeCamera(camera).detail : null;
  const subtitle = [camera.edge, describeVideo(camera), unseen === null ? describePlacement(camera.placement) : "Not analysed"];
  return (
    <section className="tile" aria-label={`Live picture of ${camera.name}`}>
      <div className="tile-head">
        <div className="tile-title">
          <h2>{camera.name}</h2>
          <p className="parts">
            {subtitle.map((part) => part !== null && <span key={part}>{part}</span>)}
          </p>
          {unseen !== null && (
            <p className="tile-trouble" role="status">
              {unseen}
            </p>
          )}
        </div>
        <ModeSwitch mode={mode} onMode={onMode} />
      </div>
      <div ref={stage} className={`stage cover-${cover.kind}`}>
        <video ref={video} muted autoPlay playsInline aria-label={`Live video of ${camera.name}`} />
        <canvas ref={still} className="still" hidden aria-hidden="true" />
        <canvas ref={boxes} className="boxes" aria-hidden="true" />
        <LatencyBadge view={view} />
        <CoverPanel cover={cover}>
          {cover.kind === "blocked" && (
            <button type="button" className="button primary" onClick={onPlay}>
              Play
            </button>
          )}
        </CoverPanel>
        {document.fullscreenEnabled && (
          <button
            type="button"
            className="icon-button stage-button"
            aria-label={whole ? "Leave the whole screen" : "Show the picture on the whole screen"}
            title={whole ? "Leave the whole screen" : "Whole screen"}
            onClick={() => void toggleWhole(stage.current)}
          >
            <ExpandIcon />
          </button>
        )}
      </div>
      <LiveFacts view={view} camera={camera} />
    </section>
  );
}

interface EmptyTileProps {
  readonly cameras: CamerasState;
  /** The stream that is to be shown, and is not in the list; null where none is asked for. */
  readonly missing: string | null;
  readonly onAnother: () => void;
}

/** The same place while there is no camera to show. */
export function EmptyTile({ cameras, missing, onAnother }: EmptyTileProps) {
  const cover = withoutCamera(cameras, missing);
  const others = missing !== null && cameras.kind === "ready" && cameras.cameras.length > 0;
  return (
    <section className="tile empty-tile" aria-label="Live picture">
      <div className="tile-head">
        <div className="tile-title">
          <h2>Live</h2>
        </div>
      </div>
      <div className={`stage cover-${cover.kind}`}>
        <CoverPanel cover={cover}>
          {others && (
            <button type="button" className="button" onClick={onAnother}>
              Show another camera
            </button>
          )}
        </CoverPanel>
      </div>
    </section>
  );
}

function LatencyBadge({ view }: { readonly view: LiveView }) {
  const { latency } = view.stats;
  if (view.state.kind !== "playing" || latency === null) return null;
  return (
    <p className="badge" title="From capture to the screen, measured on every frame of the last five seconds">
      <span className="badge-live">{view.mode?.mode === "exact" ? "Exact" : "Live"}</span>
      <span>
        p50 <b>{milliseconds(latency.p50)}</b>
      </span>
      <span>
        p95 <b>{milliseconds(latency.p95)}</b>
      </span>
    </p>
  );
}

/** Not offered where the browser can't: on iPhones, and in a frame that does not allow it. */
async function toggleWhole(stage: HTMLElement | null): Promise<void> {
  try {
    await (document.fullscreenElement === null ? stage?.requestFullscreen() : document.exitFullscreen());
  } catch {
    // The browser does not allow it here; the picture stays as it is.
  }
}
