import { useRef, type FormEvent } from "react";
import { fieldOf, readUntil } from "./until.ts";

interface UntilFormProps {
  /** What the list ends with now; null for the newest. */
  readonly until: number | null;
  readonly onUntil: (until: number) => void;
}

/** Asks for a date and a time. Not taken at each key: between two of them there is a year that nobody means. */
export function UntilForm({ until, onUntil }: UntilFormProps) {
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const chosen = readUntil(field.current?.value ?? "");
    if (chosen !== null) onUntil(chosen);
  };
  return (
    <form className="until" onSubmit={submit}>
      <label htmlFor="until">Until</label>
      <input
        id="until"
        ref={field}
        key={until}
        type="datetime-local"
        className="select"
        defaultValue={fieldOf(until ?? Date.now())}
        min="1970-01-02T00:00"
        max="9999-12-30T23:59"
        required
        // It was asked for by the press of a button.
        autoFocus
      />
      <button type="submit" className="button">
        Show
      </button>
    </form>
  );
}
