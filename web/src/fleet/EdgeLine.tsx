import { everySecond } from "../ui/ticker.ts";
import { useStore } from "../ui/useStore.ts";
import type { Edge } from "./edge.ts";
import { describeEdge } from "./words.ts";

/** A quiet line under a site's name, which opens. */
export function EdgeLine({ edge }: { readonly edge: Edge }) {
  const now = useStore(everySecond);
  const { tone, words, rows } = describeEdge(edge, now);
  return (
    <details className="edge">
      <summary className={`tone-${tone}`}>
        <span className="dot" aria-hidden="true" />
        {words}
      </summary>
      <dl>
        {rows.map(([label, value], at) => (
          <div key={label === "" ? `reason ${at}` : label}>
            {label !== "" && <dt>{label}</dt>}
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
