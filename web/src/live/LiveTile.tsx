import { useRef } from "react";
import type { HubClient } from "../api/client.ts";
import type { Camera } from "../cameras/camera.ts";
import type { CamerasState } from "../cameras/poll.ts";
import { describeCamera, describePlacement, describeVideo } from "../cameras/words.ts";
import { ExpandIcon } from "../ui/icons.tsx";
import { wholeScreen } from "../ui/media.ts";
import { Status } from "../ui/Status.tsx";
import { useStore } from "../ui/useStore.ts";
import { CoverPanel } from "./CoverPanel.tsx";
import { LiveFacts } from "./LiveFacts.tsx";
import { ModeSwitch } from "./ModeSwitch.tsx";
import type { LiveView } from "./player.ts";
import { useLivePlayer } from "./useLivePlayer.ts";
import type { Mode } from "./wire.ts";
import { coverOf, milliseconds, withoutCamera, type Cover } from "./words.ts";

/** What stands in the place of a picture while its camera is not in the list. */
interface Missing {
  readonly cover: Cover;
  /** Null where there is no other. */
  readonly onAnother: (() => void) | null;
}

/** `stream`: the one that is to be shown; null where none is asked for. */
export function missing(cameras: CamerasState, stream: string | null, onAnother: () => void): Missing {
  const others = stream !== null && cameras.kind === "ready" && cameras.cameras.length > 0;
  return { cover: withoutCamera(cameras, stream), onAnother: others ? onAnother : null };
}

interface LiveTileProps {
  readonly hub: HubClient;
  /** As it was last, while it is missing: the tile stays, and with it the whole screen. */
  readonly camera: Camera;
  readonly missing: Missing | null;
  readonly mode: Mode;
  readonly onMode: (mode: Mode) => void;
}

export function LiveTile({ hub, camera, missing, mode, onMode }: LiveTileProps) {
  const stage = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const boxes = useRef<HTMLCanvasElement>(null);
  const isThere = missing === null && camera.state === "live";
  const whole = useStore(wholeScreen);
  // Of a camera that plays nothing stands over the picture why.
  const unseen = isThere ? describeCamera(camera).detail : null;
  // Where nobody looks there are no boxes to wait for.
  const played = camera.placement === "none" || unseen !== null ? "live" : mode;
  const { view, onPlay } = useLivePlayer(hub, camera.stream, played, isThere, { video, still, boxes });
  const cover = missing?.cover ?? coverOf(camera, view.state);
  const subtitle = [camera.edge, describeVideo(camera), unseen === null ? describePlacement(camera.placement) : "Not analysed"];
  return (
    <section className="tile" aria-label={`Live picture of ${camera.name}`}>
      <div className="tile-head">
        <div className="tile-title">
          <h2>{camera.name}</h2>
          <p className="parts">
            {subtitle.map((part) => part !== null && <span key={part}>{part}</span>)}
          </p>
          <Status className="tile-trouble" text={unseen} />
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
          {missing !== null && <Another onAnother={missing.onAnother} />}
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

/** The same place while there is no camera to show. */
export function EmptyTile({ missing: { cover, onAnother } }: { readonly missing: Missing }) {
  return (
    <section className="tile empty-tile" aria-label="Live picture">
      <div className="tile-head">
        <div className="tile-title">
          <h2>Live</h2>
        </div>
      </div>
      <div className={`stage cover-${cover.kind}`}>
        <CoverPanel cover={cover}>
          <Another onAnother={onAnother} />
        </CoverPanel>
      </div>
    </section>
  );
}

function Another({ onAnother }: Pick<Missing, "onAnother">) {
  if (onAnother === null) return null;
  return (
    <button type="button" className="button" onClick={onAnother}>
      Show another camera
    </button>
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
