import { NewerIcon, OlderIcon } from "../ui/icons.tsx";

interface StepButtonProps {
  readonly to: "newer" | "older";
  readonly possible: boolean;
  readonly onStep: () => void;
}

/** At the list's end it is not `disabled`: that would take the focus from whoever has just come there by it. */
export function StepButton({ to, possible, onStep }: StepButtonProps) {
  const newer = to === "newer";
  return (
    <button
      type="button"
      className={`icon-button step step-${to}`}
      aria-label={newer ? "Newer event" : "Older event"}
      aria-keyshortcuts={newer ? "ArrowLeft" : "ArrowRight"}
      aria-disabled={!possible}
      title={newer ? "Newer event (←)" : "Older event (→)"}
      onClick={onStep}
    >
      {newer ? <NewerIcon /> : <OlderIcon />}
    </button>
  );
}
