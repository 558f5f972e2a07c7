import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { storeToken, takeTokenFromAddress } from "./api/token.ts";
import { App } from "./ui/App.tsx";
import { Boundary } from "./ui/Boundary.tsx";
import { Gate } from "./ui/gate.ts";
import { applyTheme } from "./ui/theme.ts";
import "./ui/styles/base.css";
import "./ui/styles/frame.css";
import "./ui/styles/live.css";
import "./ui/styles/events.css";

const token = takeTokenFromAddress();
if (token !== null) storeToken(token);
applyTheme();

const gate = new Gate();
// A link with a token may be pasted into a page that is open already: only what is behind `#` changes, so nothing is
// loaded. This listener is the first, so that no other sees the token.
addEventListener("hashchange", () => {
  const pasted = takeTokenFromAddress();
  if (pasted !== null) gate.offer(pasted);
});

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <Boundary>
        <App gate={gate} />
      </Boundary>
    </StrictMode>,
  );
}
