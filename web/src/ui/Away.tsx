import { Mark } from "./icons.tsx";

interface AwayProps {
  readonly title: string;
  readonly detail: string;
  /** Null where there is nothing to leave yet. */
  readonly onLeave: (() => void) | null;
}

export function Away({ title, detail, onLeave }: AwayProps) {
  return (
    <main className="door">
      <div className="door-card" role="status">
        <Mark className="door-mark pulse" />
        <h1>{title}</h1>
        <p className="quiet">{detail}</p>
        {onLeave !== null && (
          <button type="button" className="button" onClick={onLeave}>
            Use another token
          </button>
        )}
      </div>
    </main>
  );
}
