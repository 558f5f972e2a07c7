import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { takeTokenFromAddress } from "./api/token.ts";
import { App } from "./ui/App.tsx";
import { Gate } from "./ui/gate.ts";
import { applyTheme, storedTheme } from "./ui/theme.ts";
import "./ui/styles/base.css";
import "./ui/styles/frame.css";
import "./ui/styles/live.css";
import "./ui/styles/events.css";

takeTokenFromAddress();
applyTheme(storedTheme());

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App gate={new Gate()} />
    </StrictMode>,
  );
}
