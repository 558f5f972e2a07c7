import { useEffect, useRef } from "react";
import { CloseIcon } from "../ui/icons.tsx";
import type { LookupState } from "./lookup.ts";

interface LookupDialogProps {
  readonly id: string;
  readonly state: Exclude<LookupState, { kind: "found" }>;
  readonly onClose: () => void;
}

/** In the place of an event in large, while it is not there. */
export function LookupDialog({ id, state, onClose }: LookupDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="lookup-title" closedby="any" onClose={onClose}>
      <div className="dialog-head">
        <div role="status">
          <h2 id="lookup-title">{state.kind === "loading" ? "Loading the event…" : "This event can’t be shown"}</h2>
          {state.kind === "failed" && <p className="quiet">{state.message}</p>}
        </div>
        <button type="button" className="icon-button" aria-label="Close" onClick={() => dialog.current?.close()}>
          <CloseIcon />
        </button>
      </div>
      <div className="dialog-foot">
        <p className="dialog-id">
          Event <code>{id}</code>
        </p>
      </div>
    </dialog>
  );
}
