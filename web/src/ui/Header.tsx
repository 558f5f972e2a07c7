import { useState } from "react";
import type { CamerasState } from "../cameras/poll.ts";
import type { SocketState } from "../events/socket.ts";
import { connection } from "./connection.ts";
import { LeaveIcon, Mark, MoonIcon, SunIcon } from "./icons.tsx";
import { prefersLight } from "./media.ts";
import { Status } from "./Status.tsx";
import { chooseTheme, chosenTheme, themeOf } from "./theme.ts";
import { useStore } from "./useStore.ts";

interface HeaderProps {
  /** The hub's. */
  readonly version: string;
  /** Whether it was another when this page was opened. */
  readonly isUpdated: boolean;
  readonly cameras: CamerasState;
  readonly socket: SocketState;
  readonly onSignOut: () => void;
}

export function Header({ version, isUpdated, cameras, socket, onSignOut }: HeaderProps) {
  const [chosen, setChosen] = useState(chosenTheme);
  const theme = themeOf(chosen, useStore(prefersLight));
  const link = connection(cameras, socket);
  const updated = isUpdated ? `The hub is of version ${version} now. Reload this page, which is of the one before.` : null;
  const other = theme === "dark" ? "light" : "dark";
  return (
    <header className="header">
      <div className="brand">
        <Mark className="brand-mark" />
        <h1>Omma</h1>
        <span className="version">{version}</span>
      </div>
      <output className={`link link-${link.kind}`} title={link.detail}>
        <span className="dot" aria-hidden="true" />
        {link.words}
      </output>
      <Status className="header-detail" text={link.matters ? link.detail : updated} />
      <div className="header-tools">
        <button
          type="button"
          className="icon-button"
          aria-label={`Use the ${other} theme`}
          title={`Use the ${other} theme`}
          onClick={() => {
            chooseTheme(other);
            setChosen(chosenTheme());
          }}
        >
          {theme === "dark" ? <SunIcon /> : <MoonIcon />}
        </button>
        <button type="button" className="icon-button" aria-label="Sign out" title="Sign out" onClick={onSignOut}>
          <LeaveIcon />
        </button>
      </div>
    </header>
  );
}
