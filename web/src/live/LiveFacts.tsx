import type { ReactNode } from "react";
import type { Camera } from "../cameras/camera.ts";
import { describeInterpreted } from "../cameras/words.ts";
import { oneColumn } from "../ui/media.ts";
import { useStore } from "../ui/useStore.ts";
import type { LiveView } from "./player.ts";
import { milliseconds, perSecond } from "./words.ts";

interface LiveFactsProps {
  readonly view: LiveView;
  readonly camera: Camera;
}

/** What is measured of the picture above. On a phone it is folded away: the events would be below the screen's end. */
export function LiveFacts(props: LiveFactsProps) {
  const facts = <Facts {...props} />;
  if (!useStore(oneColumn)) return facts;
  return (
    <details className="fold">
      <summary>Measured</summary>
      {facts}
    </details>
  );
}

function Facts({ view, camera }: LiveFactsProps) {
  const playing = view.state.kind === "playing" ? view : null;
  const stats = playing?.stats ?? null;
  const latency = stats?.latency ?? null;
  const mode = playing?.mode ?? null;
  const picture = stats?.picture ?? null;
  const analysis = stats?.analysis ?? null;
  const interpreted = describeInterpreted(camera);
  return (
    <dl className="facts">
      <Fact name="Capture to screen" note={latency === null ? "median" : `p95 ${milliseconds(latency.p95)}`}>
        {latency === null ? "–" : milliseconds(latency.p50)}
      </Fact>
      <Fact name="Pictures a second" note={picture === null ? "of the camera" : `${picture.width} × ${picture.height}`}>
        {perSecond(stats?.framesPerSecond ?? null)}
      </Fact>
      <Fact name="Analysed a second" note={camera.placement === "none" ? "video only" : "by the detector"}>
        {perSecond(stats?.looksPerSecond ?? null)}
      </Fact>
      <Fact name="Exact boxes" note={mode?.mode === "exact" && analysis !== null ? `waits ${mode.holdMs} ms` : "on their own frame"}>
        {share(stats?.onTheirFrame ?? null)}
      </Fact>
      <Fact name="Detector" note={analysis === null ? "not heard of yet" : `${analysis.engine}, ${where(analysis.place)}`} wide>
        {analysis?.model ?? "–"}
      </Fact>
      {interpreted !== null && (
        <div className="fact whole" title="What this camera gets wrong in RTSP; its edge puts it right">
          <dt>Camera faults put right</dt>
          <dd className="fact-note">{interpreted}</dd>
        </div>
      )}
      {stats?.matches === false && (
        <p className="facts-note">
          This browser does not say which frame it shows, so boxes are those of the newest analysed frame and are drawn dashed.
        </p>
      )}
    </dl>
  );
}

interface FactProps {
  readonly name: string;
  readonly note: string;
  readonly wide?: boolean;
  readonly children: ReactNode;
}

function Fact({ name, note, wide = false, children }: FactProps) {
  return (
    <div className={wide ? "fact wide" : "fact"}>
      <dt>{name}</dt>
      <dd className="fact-value">{children}</dd>
      <dd className="fact-note">{note}</dd>
    </div>
  );
}

function share(value: number | null): string {
  if (value === null) return "–";
  // 99.96 % must not read as all of them.
  const percent = value === 1 ? 100 : Math.min(99.9, value * 100);
  return `${percent === 100 ? "100" : percent.toFixed(1)} %`;
}

function where(place: "edge" | "hub"): string {
  return place === "edge" ? "at the edge" : "in the hub";
}
