import { useState } from "react";
import type { CamerasState } from "../cameras/poll.ts";
import type { SocketState } from "../events/socket.ts";
import { connection } from "./connection.ts";
import { LeaveIcon, Mark, MoonIcon, SunIcon } from "./icons.tsx";
import { applyTheme, storedTheme } from "./theme.ts";

interface HeaderProps {
  readonly version: string;
  readonly cameras: CamerasState;
  readonly socket: SocketState;
  readonly onSignOut: () => void;
}

export function Header({ version, cameras, socket, onSignOut }: HeaderProps) {
  const [theme, setTheme] = useState(storedTheme);
  const link = connection(cameras, socket);
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
      <div className="header-tools">
        <button
          type="button"
          className="icon-button"
          aria-label={`Use the ${other} theme`}
          title={`Use the ${other} theme`}
          onClick={() => {
            applyTheme(other);
            setTheme(other);
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
