import { useMemo, useState } from "react";
import type { HubClient } from "../api/client.ts";
import type { Camera } from "../api/types.ts";
import { EventDialog } from "./EventDialog.tsx";
import { EventRow } from "./EventRow.tsx";
import { EventList, type OlderState } from "./list.ts";
import type { Pictures } from "./pictures.ts";
import type { LiveSocket } from "./socket.ts";
import { IncidentList } from "../incidents/IncidentList.tsx";
import type { Incidents } from "../incidents/poll.ts";
import type { Readable } from "../ui/store.ts";
import { useStore } from "../ui/useStore.ts";

interface EventPanelProps {
  readonly hub: HubClient;
  readonly socket: LiveSocket;
  readonly pictures: Pictures;
  readonly incidents: Readable<Incidents>;
  /** Names of cameras by stream. */
  readonly names: ReadonlyMap<string, string>;
  readonly selected: Camera | null;
}

export function EventPanel({ hub, socket, pictures, incidents, names, selected }: EventPanelProps) {
  const [onlySelected, setOnlySelected] = useState(false);
  const [open, setOpen] = useState<string | null>(null);
  const stream = onlySelected ? (selected?.stream ?? null) : null;
  const list = useMemo(() => new EventList(hub, socket, stream), [hub, socket, stream]);
  const state = useStore(list.state);
  const shown = state.kind === "ready" ? state.feed.events.find((event) => event.id === open) : undefined;
  return (
    <section className="events" aria-label="Events">
      <div className="panel-head">
        <h2>Events</h2>
        {names.size > 1 && (
          <label className="check">
            <input type="checkbox" checked={onlySelected} onChange={(change) => setOnlySelected(change.target.checked)} />
            <span>This camera only</span>
          </label>
        )}
      </div>
      <div className="events-body">
        {state.kind === "loading" && <Placeholders />}
        {state.kind === "failed" && (
          <div className="empty">
            <p className="empty-title">The events could not be loaded</p>
            <p>{state.message}</p>
            <button type="button" className="button" onClick={() => list.refresh()}>
              Try again
            </button>
          </div>
        )}
        {state.kind === "ready" && state.feed.events.length === 0 && (
          <div className="empty">
            <p className="empty-title">Nothing has happened yet</p>
            <p>An event appears here, with its picture, as soon as something is seen that the camera’s labels ask for.</p>
          </div>
        )}
        {state.kind === "ready" && state.feed.events.length > 0 && (
          <ol className="event-list">
            {state.feed.events.map((event) => (
              <li key={event.id}>
                <EventRow event={event} camera={names.get(event.stream) ?? event.stream} pictures={pictures} onOpen={setOpen} />
              </li>
            ))}
          </ol>
        )}
        {state.kind === "ready" && <Older state={state.older} onMore={() => void list.loadOlder()} />}
      </div>
      <IncidentList state={incidents} />
      {shown !== undefined && (
        <EventDialog event={shown} camera={names.get(shown.stream) ?? shown.stream} pictures={pictures} onClose={() => setOpen(null)} />
      )}
    </section>
  );
}

function Older({ state, onMore }: { readonly state: OlderState; readonly onMore: () => void }) {
  switch (state.kind) {
    case "none":
      return null;
    case "loading":
      return <p className="hint">Loading…</p>;
    case "there":
    case "failed":
      return (
        <div className="older">
          {state.kind === "failed" && <p className="hint">{state.message}</p>}
          <button type="button" className="button" onClick={onMore}>
            Load older events
          </button>
        </div>
      );
  }
}

function Placeholders() {
  return (
    <div className="placeholders" role="status" aria-label="Loading the events">
      {["a", "b", "c", "d", "e"].map((key) => (
        <div key={key} className="placeholder" />
      ))}
    </div>
  );
}
