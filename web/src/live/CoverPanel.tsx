import { useEffect, useState, type ReactNode } from "react";
import { CameraOffIcon } from "../ui/icons.tsx";
import type { Cover } from "./words.ts";

interface CoverPanelProps {
  readonly cover: Cover;
  /** What the person can do about it. */
  readonly children?: ReactNode;
}

/** What is said over the picture while there is none. It stays while there is nothing to say, as `Status` does. */
export function CoverPanel({ cover, children }: CoverPanelProps) {
  if (cover.kind === "clear") return <div className="hidden" role="status" />;
  return (
    <div className="cover" role="status">
      {cover.kind === "busy" && <span className="spinner" aria-hidden="true" />}
      {cover.kind === "trouble" && <CameraOffIcon className="cover-icon" />}
      <p className="cover-title">{cover.title}</p>
      {cover.detail !== null && <p className="cover-detail">{cover.detail}</p>}
      {children}
      {cover.kind === "trouble" && cover.retryAtMs !== null && <Countdown atMs={cover.retryAtMs} />}
    </div>
  );
}

/** Not read out: it changes every second. */
function Countdown({ atMs }: { readonly atMs: number }) {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 250);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.ceil((atMs - now) / 1000));
  return (
    <p className="cover-retry" aria-hidden="true">
      {seconds === 0 ? "Trying again…" : `Trying again in ${seconds} s`}
    </p>
  );
}
