interface StatusProps {
  /** Null while there is nothing to say. */
  readonly text: string | null;
  readonly className?: string;
}

/** What screen readers say by themselves. It stays while it has no text: they mostly don't say an element that comes with its text. */
export function Status({ text, className }: StatusProps) {
  return (
    <p className={text === null ? "hidden" : className} role="status">
      {text}
    </p>
  );
}
