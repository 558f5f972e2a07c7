import { clockTime, dayOf } from "../events/words.ts";
import type { Readable } from "../ui/store.ts";
import { everyMinute } from "../ui/ticker.ts";
import { useStore } from "../ui/useStore.ts";
import type { Incidents } from "./poll.ts";
import { heading, times } from "./words.ts";

/** A quiet line under the events, which opens; nothing where nothing has befallen anyone. */
export function IncidentList({ state }: { readonly state: Readable<Incidents> }) {
  const incidents = useStore(state);
  if (incidents.length === 0) return null;
  return (
    <details className="incidents">
      <summary>
        Incidents <span className="count">{incidents.length}</span>
      </summary>
      <ol>
        {incidents.map((incident) => {
          const { shownUs, byEdgeUs } = times(incident);
          return (
            <li key={`${incident.edge} ${incident.id}`}>
              <span className="incident-first">
                <span>
                  {incident.edge}: {heading(incident.kind)}
                </span>
                <When us={shownUs} />
              </span>
              {byEdgeUs !== null && (
                <span className="incident-own-time">
                  By its own clock: <When us={byEdgeUs} />
                </span>
              )}
              <span className="incident-message">{incident.message}</span>
            </li>
          );
        })}
      </ol>
    </details>
  );
}

function When({ us }: { readonly us: number }) {
  const day = dayOf(us, useStore(everyMinute));
  return (
    <time dateTime={new Date(us / 1000).toISOString()}>
      {day === null ? "" : `${day}, `}
      {clockTime(us)}
    </time>
  );
}
