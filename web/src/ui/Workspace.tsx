import { useCallback, useEffect, useMemo, useState } from "react";
import type { HubClient } from "../api/client.ts";
import type { Camera } from "../api/types.ts";
import { CameraList } from "../cameras/CameraList.tsx";
import { CameraPoll, type CamerasState } from "../cameras/poll.ts";
import { EventPanel } from "../events/EventPanel.tsx";
import { Pictures } from "../events/pictures.ts";
import { LiveSocket, socketUrl } from "../events/socket.ts";
import { LiveTile } from "../live/LiveTile.tsx";
import type { Mode } from "../live/wire.ts";
import { readPlace, writePlace, type Place } from "./address.ts";
import { Header } from "./Header.tsx";
import { useStore } from "./useStore.ts";

interface WorkspaceProps {
  readonly hub: HubClient;
  readonly version: string;
  readonly onSignOut: () => void;
}

interface Links {
  readonly socket: LiveSocket;
  readonly poll: CameraPoll;
  readonly pictures: Pictures;
}

/** Opens what one signed-in page needs, and ends it when the page signs out. */
export function Workspace(props: WorkspaceProps) {
  const { hub } = props;
  const [links, setLinks] = useState<Links | null>(null);
  useEffect(() => {
    const socket = new LiveSocket(socketUrl(location.href), hub.tokenForSocket());
    const poll = new CameraPoll(hub);
    setLinks({ socket, poll, pictures: new Pictures(hub) });
    return () => {
      socket.stop();
      poll.stop();
    };
  }, [hub]);
  return links === null ? null : <Room {...props} links={links} />;
}

function Room({ hub, version, onSignOut, links }: WorkspaceProps & { readonly links: Links }) {
  const cameras = useStore(links.poll.state);
  const socket = useStore(links.socket.state);
  const [place, setPlace] = usePlace();
  const selected = chosen(cameras, place.camera);
  const names = useMemo(() => namesOf(cameras), [cameras]);
  const setMode = useCallback((mode: Mode) => setPlace((before) => ({ ...before, mode })), [setPlace]);
  const setCamera = useCallback((camera: string) => setPlace((before) => ({ ...before, camera })), [setPlace]);
  return (
    <div className="room">
      <Header version={version} cameras={cameras} socket={socket} onSignOut={onSignOut} />
      <CameraList state={cameras} selected={selected?.stream ?? null} onSelect={setCamera} />
      <main className="live-column">
        <LiveTile key={selected?.stream ?? ""} hub={hub} camera={selected} cameras={cameras} mode={place.mode} onMode={setMode} />
      </main>
      <EventPanel hub={hub} socket={links.socket} pictures={links.pictures} names={names} selected={selected} />
    </div>
  );
}

/** The camera of the address; else the first that is live; else the first. */
function chosen(state: CamerasState, wanted: string | null): Camera | null {
  if (state.kind !== "ready") return null;
  const { cameras } = state;
  return cameras.find((c) => c.stream === wanted) ?? cameras.find((c) => c.state === "live") ?? cameras[0] ?? null;
}

function namesOf(state: CamerasState): ReadonlyMap<string, string> {
  return new Map(state.kind === "ready" ? state.cameras.map((camera) => [camera.stream, camera.name]) : []);
}

function usePlace() {
  const [place, setPlace] = useState<Place>(() => readPlace(location.hash));
  useEffect(() => {
    history.replaceState(history.state, "", location.pathname + location.search + writePlace(place));
  }, [place]);
  useEffect(() => {
    const changed = (): void => setPlace(readPlace(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return [place, setPlace] as const;
}
