import { useEffect, useMemo, useRef, type FormEvent } from "react";
import { fieldOf, readField } from "./until.ts";

interface UntilFormProps {
  /** What the list ends with now; null for the newest. */
  readonly until: number | null;
  readonly onUntil: (until: number) => void;
}

/** Asks for a date and a time. Not taken at each key: between two of them there is a year that nobody means. */
export function UntilForm({ until, onUntil }: UntilFormProps) {
  const field = useRef<HTMLInputElement>(null);
  const shown = useMemo(() => until ?? Date.now(), [until]);
  // The form was asked for by the press of a button. Another date, as when the list goes on, leaves the focus where it is.
  useEffect(() => field.current?.focus(), []);
  // The field is not made anew for it: who pressed Enter in it would be nowhere.
  useEffect(() => {
    if (field.current !== null) field.current.value = fieldOf(shown);
  }, [shown]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const chosen = readField(field.current?.value ?? "", shown);
    if (chosen !== null) onUntil(chosen);
  };
  return (
    <form className="until" onSubmit={submit}>
      <label htmlFor="until">Until</label>
      <input
        id="until"
        ref={field}
        type="datetime-local"
        className="select"
        defaultValue={fieldOf(shown)}
        min="1970-01-02T00:00"
        max="9999-12-30T23:59"
        required
      />
      <button type="submit" className="button">
        Show
      </button>
    </form>
  );
}
