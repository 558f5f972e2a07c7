import type { Mode } from "./wire.ts";

const MODES: readonly { readonly mode: Mode; readonly name: string; readonly title: string }[] = [
  { mode: "exact", name: "Exact", title: "Pictures wait for their analysis; every solid box is on its own frame" },
  { mode: "live", name: "Live", title: "Every picture at once; boxes may be of a moment before" },
];

interface ModeSwitchProps {
  readonly mode: Mode;
  readonly onMode: (mode: Mode) => void;
}

export function ModeSwitch({ mode, onMode }: ModeSwitchProps) {
  return (
    <fieldset className="switch">
      <legend className="hidden">How boxes and pictures are matched</legend>
      {MODES.map((choice) => (
        <label key={choice.mode} title={choice.title}>
          <input type="radio" name="mode" value={choice.mode} checked={mode === choice.mode} onChange={() => onMode(choice.mode)} />
          <span>{choice.name}</span>
        </label>
      ))}
    </fieldset>
  );
}
