import { useEffect, useRef } from "react";
import { EdgeLine } from "../fleet/EdgeLine.tsx";
import type { Fleet } from "../fleet/poll.ts";
import { CameraIcon, CameraOffIcon } from "../ui/icons.tsx";
import type { CamerasState } from "./poll.ts";
import type { Camera } from "./camera.ts";
import { bySite, describeCamera, describePlacement } from "./words.ts";

interface CameraListProps {
  readonly state: CamerasState;
  readonly fleet: Fleet;
  readonly selected: string | null;
  readonly onSelect: (stream: string) => void;
}

export function CameraList({ state, fleet, selected, onSelect }: CameraListProps) {
  return (
    <nav className="cameras" aria-label="Cameras">
      <div className="panel-head">
        <h2>Cameras</h2>
        {state.kind === "ready" && state.cameras.length > 0 && <span className="count">{summary(state)}</span>}
      </div>
      {content(state, fleet, selected, onSelect)}
    </nav>
  );
}

function content(state: CamerasState, fleet: Fleet, selected: string | null, onSelect: (stream: string) => void) {
  if (state.kind === "loading") return <p className="hint">Loading…</p>;
  if (state.kind === "failed") return <p className="hint">{state.message}</p>;
  if (state.cameras.length === 0) {
    return (
      <p className="hint">
        No camera yet. A camera appears here as soon as its edge connects; <code>cloud-hub join</code> prints the token an
        edge needs.
      </p>
    );
  }
  return (
    <div className={state.stale === null ? "sites" : "sites stale"}>
      {bySite(state.cameras).map((site) => (
        <section key={site.edge} className="site" aria-label={`Site ${site.edge}`}>
          <div className="site-head">
            <h3>{site.edge}</h3>
            <EdgeOf fleet={fleet} name={site.edge} />
          </div>
          <ul>
            {site.cameras.map((camera) => (
              <li key={camera.stream}>
                <CameraButton camera={camera} current={camera.stream === selected} onSelect={onSelect} />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

/** Nothing while the hub has not said how it is. */
function EdgeOf({ fleet, name }: { readonly fleet: Fleet; readonly name: string }) {
  const edge = fleet.get(name);
  return edge === undefined ? null : <EdgeLine edge={edge} />;
}

interface CameraButtonProps {
  readonly camera: Camera;
  readonly current: boolean;
  readonly onSelect: (stream: string) => void;
}

function CameraButton({ camera, current, onSelect }: CameraButtonProps) {
  const { tone, words, detail } = describeCamera(camera);
  const button = useRef<HTMLButtonElement>(null);
  // Of many, the one of the address may be far down the list, or far along the strip that it is on a phone.
  useEffect(() => {
    // Not where the list is out of sight itself: on a phone the whole page would go there from the events that somebody reads.
    const list = button.current?.closest("nav")?.getBoundingClientRect();
    if (current && list !== undefined && list.bottom > 0) button.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  return (
    <button
      ref={button}
      type="button"
      className="camera"
      aria-current={current}
      title={detail ?? describePlacement(camera.placement)}
      onClick={() => onSelect(camera.stream)}
    >
      {camera.state === "live" || camera.state === "connecting" ? <CameraIcon className="camera-icon" /> : <CameraOffIcon className="camera-icon" />}
      <span className="camera-name">{camera.name}</span>
      <span className={`camera-state tone-${tone}`}>
        <span className="dot" aria-hidden="true" />
        {words}
      </span>
    </button>
  );
}

function summary({ cameras, stale }: Extract<CamerasState, { kind: "ready" }>): string {
  const live = cameras.filter((camera) => camera.state === "live").length;
  return `${live} of ${cameras.length} ${stale === null ? "live" : "were live"}`;
}
