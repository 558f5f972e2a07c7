import type { Ref } from "react";
import type { Readable } from "../ui/store.ts";
import { useStore } from "../ui/useStore.ts";
import { withLabels } from "./labels.ts";
import { capitalised } from "./words.ts";

interface EventFilterBarProps {
  /** The choice of labels: always there, for the focus of what has gone. */
  readonly ref: Ref<HTMLSelectElement>;
  readonly labels: Readable<readonly string[]>;
  readonly label: string | null;
  readonly onLabel: (label: string | null) => void;
  /** Null where there is but one camera. */
  readonly onlySelected: boolean | null;
  readonly onOnlySelected: (only: boolean) => void;
  /** Whether a date is being asked for. */
  readonly dating: boolean;
  readonly onDating: (dating: boolean) => void;
}

/** Offers the labels that were seen, and the one of the address, which may not have been yet. */
export function EventFilterBar({ ref, labels, label, onLabel, onlySelected, onOnlySelected, dating, onDating }: EventFilterBarProps) {
  const seen = useStore(labels);
  const offered = label === null ? seen : withLabels(seen, [label]);
  return (
    <div className="filters">
      <select
        ref={ref}
        className={label === null ? "select" : "select chosen"}
        aria-label="Label"
        value={label ?? ""}
        onChange={({ target }) => onLabel(target.value === "" ? null : target.value)}
      >
        <option value="">All labels</option>
        {offered.map((one) => (
          <option key={one} value={one}>
            {capitalised(one)}
          </option>
        ))}
      </select>
      <button type="button" className={dating ? "select chosen" : "select"} aria-expanded={dating} onClick={() => onDating(!dating)}>
        Date
      </button>
      {onlySelected !== null && (
        <label className="check">
          <input type="checkbox" checked={onlySelected} onChange={({ target }) => onOnlySelected(target.checked)} />
          <span>This camera only</span>
        </label>
      )}
    </div>
  );
}
