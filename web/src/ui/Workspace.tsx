import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Camera } from "../cameras/camera.ts";
import { CameraList } from "../cameras/CameraList.tsx";
import type { CamerasState } from "../cameras/poll.ts";
import { namesOf } from "../cameras/words.ts";
import { EventPanel } from "../events/EventPanel.tsx";
import { aheadUs, isOffline } from "../fleet/poll.ts";
import { EmptyTile, LiveTile, missing } from "../live/LiveTile.tsx";
import type { Mode } from "../live/wire.ts";
import { readPlace, writePlace, type Place } from "./address.ts";
import { addressBar } from "./addressBar.ts";
import { chosen } from "./choice.ts";
import { Header } from "./Header.tsx";
import type { Session } from "./session.ts";
import { useStore } from "./useStore.ts";

interface WorkspaceProps {
  readonly session: Session;
  readonly onSignOut: () => void;
}

export function Workspace({ session, onSignOut }: WorkspaceProps) {
  const { hub } = session;
  const cameras = useStore(session.cameras.state);
  const fleet = useStore(session.fleet.state);
  const socket = useStore(session.socket.state);
  const version = useStore(session.version);
  const [place, setPlace] = usePlace();
  const { choice, chooseAnew } = useChosen(cameras, place.camera);
  const { camera: selected, stream } = choice;
  const shown = useLast(selected, stream);
  const away = cameras.kind === "failed" || (cameras.kind === "ready" && cameras.stale !== null);
  const isSilent = useCallback((of: string) => away || isOffline(fleet, of), [away, fleet]);
  const ahead = useCallback((of: string) => aheadUs(fleet, of), [fleet]);
  const names = useMemo(() => namesOf(cameras.kind === "ready" ? cameras.cameras : []), [cameras]);
  const filter = { stream: place.onlyCamera ? stream : null, label: place.label, until: place.until };
  const setMode = useCallback((mode: Mode) => setPlace((before) => ({ ...before, mode })), [setPlace]);
  const setCamera = useCallback((camera: string) => setPlace((before) => ({ ...before, camera })), [setPlace]);
  const setLabel = useCallback((label: string | null) => setPlace((before) => ({ ...before, label })), [setPlace]);
  const setUntil = useCallback((until: number | null) => setPlace((before) => ({ ...before, until })), [setPlace]);
  const setEvent = useCallback((event: string | null) => setPlace((before) => ({ ...before, event })), [setPlace]);
  // With the camera, so that the link means the same one wherever it is opened.
  const setOnlySelected = (onlyCamera: boolean): void =>
    setPlace((before) => ({ ...before, onlyCamera, camera: onlyCamera ? stream : before.camera }));
  const showAnother = (): void => {
    chooseAnew();
    setPlace((before) => ({ ...before, camera: null }));
  };
  useTitle(selected?.name ?? null);
  const room = useRef<HTMLDivElement>(null);
  // The form to sign in has gone, and the focus with it: without this it is on nothing, which a screen reader does not tell.
  useEffect(() => {
    if (document.activeElement === document.body) room.current?.focus({ preventScroll: true });
  }, []);
  return (
    <div ref={room} className="room" tabIndex={-1}>
      <Header version={version} isUpdated={version !== session.ownVersion} cameras={cameras} socket={socket} onSignOut={onSignOut} />
      <CameraList state={cameras} fleet={fleet} selected={stream} onSelect={setCamera} />
      <main className="live-column">
        {shown === null ? (
          <EmptyTile missing={missing(cameras, stream, showAnother)} />
        ) : (
          <LiveTile
            key={shown.stream}
            hub={hub}
            camera={shown}
            missing={selected === null ? missing(cameras, stream, showAnother) : null}
            mode={place.mode}
            onMode={setMode}
          />
        )}
      </main>
      <EventPanel
        hub={hub}
        socket={session.socket}
        pictures={session.pictures}
        labels={session.labels}
        incidents={session.incidents.state}
        names={names}
        isSilent={isSilent}
        ahead={ahead}
        filter={filter}
        onLabel={setLabel}
        onOnlySelected={setOnlySelected}
        onUntil={setUntil}
        open={place.event}
        onOpen={setEvent}
      />
    </div>
  );
}

/** So that one tab of many is found, and a bookmark says what it is of. */
function useTitle(camera: string | null): void {
  useEffect(() => {
    document.title = camera === null ? "Omma" : `${camera} – Omma`;
    return () => void (document.title = "Omma");
  }, [camera]);
}

function useChosen(cameras: CamerasState, wanted: string | null) {
  const [before, setBefore] = useState<string | null>(null);
  const choice = chosen(cameras, wanted, before);
  const { stream } = choice;
  useEffect(() => {
    if (stream !== null) setBefore(stream);
  }, [stream]);
  return { choice, chooseAnew: useCallback(() => setBefore(null), []) };
}

/** The camera as it was last while it is not in the list; null where it never was. */
function useLast(selected: Camera | null, stream: string | null): Camera | null {
  const [last, setLast] = useState<Camera | null>(null);
  if (selected !== null && selected !== last) setLast(selected);
  return selected ?? (last?.stream === stream ? last : null);
}

function usePlace() {
  const [place, setPlace] = useState<Place>(() => readPlace(location.hash));
  useEffect(() => addressBar.write(writePlace(place)), [place]);
  useEffect(() => {
    const changed = (): void => setPlace(readPlace(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return [place, setPlace] as const;
}
