import { NewerIcon, OlderIcon } from "../ui/icons.tsx";

interface StepButtonProps {
  readonly to: "newer" | "older";
  /** Null where there is none. */
  readonly onStep: (() => void) | null;
}

/** At the list's end it is not `disabled`: that would take the focus from whoever has just come there by it. */
export function StepButton({ to, onStep }: StepButtonProps) {
  const newer = to === "newer";
  return (
    <button
      type="button"
      className={`icon-button step step-${to}`}
      aria-label={newer ? "Newer event" : "Older event"}
      aria-keyshortcuts={newer ? "ArrowLeft" : "ArrowRight"}
      aria-disabled={onStep === null}
      title={newer ? "Newer event (←)" : "Older event (→)"}
      onClick={() => onStep?.()}
    >
      {newer ? <NewerIcon /> : <OlderIcon />}
    </button>
  );
}
