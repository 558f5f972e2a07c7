import { clockTime, dayOf } from "../events/words.ts";
import { everyMinute } from "../ui/ticker.ts";
import { useStore } from "../ui/useStore.ts";
import type { IncidentPoll } from "./poll.ts";
import { heading } from "./words.ts";

/** A quiet line under the events, which opens; nothing where nothing has befallen anyone. */
export function IncidentList({ poll }: { readonly poll: IncidentPoll }) {
  const incidents = useStore(poll.state);
  const now = useStore(everyMinute);
  if (incidents.length === 0) return null;
  return (
    <details className="incidents">
      <summary>
        Incidents <span className="count">{incidents.length}</span>
      </summary>
      <ol>
        {incidents.map(({ edge, id, timeUs, kind, message }) => {
          const day = dayOf(timeUs, now);
          return (
            <li key={`${edge} ${id}`}>
              <span className="incident-first">
                <span>
                  {edge}: {heading(kind)}
                </span>
                <time dateTime={new Date(timeUs / 1000).toISOString()}>
                  {day === null ? "" : `${day}, `}
                  {clockTime(timeUs)}
                </time>
              </span>
              <span className="incident-message">{message}</span>
            </li>
          );
        })}
      </ol>
    </details>
  );
}
