import { useEffect, useMemo, useRef, useState } from "react";
import type { HubClient } from "../api/client.ts";
import type { StoredEvent } from "../api/event.ts";
import { EventDialog } from "./EventDialog.tsx";
import { EventFilterBar } from "./EventFilterBar.tsx";
import { EventRow, rowOf } from "./EventRow.tsx";
import type { EventFilter } from "./filter.ts";
import type { Labels } from "./labels.ts";
import { EventList, type OlderState } from "./list.ts";
import { Lookup, type LookupState } from "./lookup.ts";
import { LookupDialog } from "./LookupDialog.tsx";
import { around } from "./feed.ts";
import { FULL, NoEvents, Older, Placeholders } from "./EventPanelStates.tsx";
import type { Pictures } from "./pictures.ts";
import type { LiveSocket } from "./socket.ts";
import { beyond as minuteBeyond, isOneMinute } from "./until.ts";
import { UntilForm } from "./UntilForm.tsx";
import { minuteTime } from "./words.ts";
import { IncidentList } from "../incidents/IncidentList.tsx";
import type { Incidents } from "../incidents/poll.ts";
import { Status } from "../ui/Status.tsx";
import { Store, type Readable } from "../ui/store.ts";
import { useStore } from "../ui/useStore.ts";

interface EventPanelProps {
  readonly hub: HubClient;
  readonly socket: LiveSocket;
  readonly pictures: Pictures;
  readonly labels: Labels;
  readonly incidents: Readable<Incidents>;
  /** Names of cameras by stream. */
  readonly names: ReadonlyMap<string, string>;
  /** Whether nothing is heard of a stream's edge. */
  readonly isSilent: (stream: string) => boolean;
  /** How far a stream's edge's clock is ahead of the hub's, in microseconds. */
  readonly ahead: (stream: string) => number;
  readonly filter: EventFilter;
  readonly onLabel: (label: string | null) => void;
  readonly onOnlySelected: (only: boolean) => void;
  readonly onUntil: (until: number | null) => void;
  /** The event in large. */
  readonly open: string | null;
  readonly onOpen: (id: string | null) => void;
}

export function EventPanel(props: EventPanelProps) {
  const { hub, socket, pictures, labels, incidents, names, isSilent, ahead, filter, onLabel, onOnlySelected, onUntil, open, onOpen } = props;
  const [last, setLast] = useState<StoredEvent | null>(null);
  const labelSelect = useRef<HTMLSelectElement>(null);
  const [dating, setDating] = useState(false);
  const { stream, label, until } = filter;
  const list = useMemo(() => new EventList(hub, socket, { stream, label, until }), [hub, socket, stream, label, until]);
  const state = useStore(list.state);
  const found = open !== null && state.kind === "ready" ? around(state.feed, open) : null;
  // What is looked at stays, and goes on, when the list does without it: after a long absence, or with another filter.
  if (found !== null && found.event !== last) setLast(found.event);
  const looked = useLookup(hub, socket, found !== null || state.kind === "loading" ? null : open);
  if (looked?.kind === "found" && looked.event !== last) setLast(looked.event);
  const shown = found ?? (last !== null && last.id === open ? { event: last, newer: null, older: null } : null);
  // Who looks at one picture after the other comes to the end of what is loaded.
  const beyond = found !== null && found.older === null && state.kind === "ready" ? state.older : null;
  const wantsOlder = beyond?.kind === "there";
  const loadOlder = (): void => void list.loadOlder();
  useEffect(() => {
    if (wantsOlder) void list.loadOlder();
  }, [list, wantsOlder]);
  const toNewest = (): void => {
    setDating(false);
    onUntil(null);
    labelSelect.current?.focus(); // The button goes.
  };
  const oldest = state.kind === "ready" ? state.feed.events.at(-1) : undefined;
  const goBeyond = (): void => {
    if (oldest !== undefined) onUntil(minuteBeyond(until, oldest.id));
    labelSelect.current?.focus();
  };
  const stepTo = (id: string | null): (() => void) | null => (id === null ? null : () => onOpen(id));
  const close = (): void => {
    onOpen(null);
    // Not the row that it was opened from: the one that was looked at last. Where that is gone, the head of the list.
    if (open !== null) (rowOf(open) ?? labelSelect.current)?.focus();
  };
  return (
    <section className="events" aria-label="Events">
      <div className="panel-head">
        <h2>Events</h2>
        <EventFilterBar
          ref={labelSelect}
          labels={labels.state}
          label={label}
          onLabel={onLabel}
          onlySelected={names.size > 1 || stream !== null ? stream !== null : null}
          onOnlySelected={onOnlySelected}
          dating={dating}
          onDating={setDating}
        />
      </div>
      {dating && <UntilForm until={until} onUntil={onUntil} />}
      <div className={until === null ? "hidden" : "until"}>
        <Status text={until === null ? null : `Until ${minuteTime(until)}`} />
        {until !== null && (
          <button type="button" className="button" onClick={toNewest}>
            Newest events
          </button>
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
          <NoEvents
            filter={filter}
            camera={stream === null ? null : (names.get(stream) ?? stream)}
            onAll={() => {
              onLabel(null);
              onOnlySelected(false);
              onUntil(null);
              labelSelect.current?.focus(); // The button goes.
            }}
          />
        )}
        {state.kind === "ready" && state.feed.events.length > 0 && (
          <ol className="event-list">
            {state.feed.events.map((event) => (
              <li key={event.id}>
                <EventRow
                  event={event}
                  camera={names.get(event.stream) ?? event.stream}
                  silent={isSilent(event.stream)}
                  aheadUs={ahead(event.stream)}
                  pictures={pictures}
                  onOpen={onOpen}
                />
              </li>
            ))}
          </ol>
        )}
        {state.kind === "ready" && (
          <Older
            state={state.older}
            oneMinute={oldest !== undefined && isOneMinute(until, oldest.id)}
            onMore={loadOlder}
            onBeyond={goBeyond}
          />
        )}
      </div>
      <IncidentList state={incidents} />
      {open !== null && shown === null && looked !== null && looked.kind !== "found" && <LookupDialog id={open} state={looked} onClose={close} />}
      {shown !== null && (
        <EventDialog
          event={shown.event}
          camera={names.get(shown.event.stream) ?? shown.event.stream}
          silent={isSilent(shown.event.stream)}
          aheadUs={ahead(shown.event.stream)}
          pictures={pictures}
          onNewer={stepTo(shown.newer)}
          onOlder={beyond?.kind === "failed" ? loadOlder : stepTo(shown.older)}
          trouble={beyond === null ? null : troubleOf(beyond)}
          onClose={close}
        />
      )}
    </section>
  );
}

/** Asks for one event while it is wanted; null while none is. */
function useLookup(hub: HubClient, socket: LiveSocket, id: string | null): LookupState | null {
  const lookup = useMemo(() => (id === null ? null : new Lookup(hub, socket, id)), [hub, socket, id]);
  return useStore(lookup?.state ?? NONE);
}

const NONE = new Store<LookupState | null>(null);

/** Why there is none older to go to from the last one; null where that needs no word. */
function troubleOf(older: OlderState): string | null {
  if (older.kind === "failed") return `Older events could not be loaded; → tries again. ${older.message}`;
  return older.kind === "full" ? `${FULL} Close this one, and choose a date for older ones.` : null;
}
