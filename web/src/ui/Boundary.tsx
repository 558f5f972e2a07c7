import { Component, type ReactNode } from "react";
import { Mark } from "./icons.tsx";

/** What is there when a part of the page can't be drawn: without it React takes everything away, and the page is white. */
export class Boundary extends Component<{ readonly children: ReactNode }, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { readonly failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="door">
        <div className="door-card" role="alert">
          <Mark className="door-mark" />
          <h1>The page has failed</h1>
          <p className="quiet">That is a fault of the page; the hub and its edges go on. The browser’s console says more.</p>
          <button type="button" className="button" onClick={() => location.reload()}>
            Reload the page
          </button>
        </div>
      </main>
    );
  }
}
