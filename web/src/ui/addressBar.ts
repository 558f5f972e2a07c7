/**
 * What is behind `#` in the browser's address, written as seldom as browsers want it: WebKit refuses the 101st write within 30 s
 * (10 s of late), Gecko the 201st within 10 s, both by a SecurityError; who holds an arrow key steps 30 times a second. So the
 * first is written at once, of those that follow within the rest only the last, and one that was refused again after the rest.
 *
 *     idle ──write──▶ resting ──after the rest, nothing to write──▶ idle
 *                      │   ▲
 *                      └───┘ after the rest, what was asked for last
 */
const REST_MS = 350;

export class AddressBar {
  private rest: ReturnType<typeof setTimeout> | undefined;
  private wanted: string | null = null;

  constructor(private readonly replace: (hash: string) => void) {}

  write(hash: string): void {
    this.wanted = hash;
    if (this.rest === undefined) this.run();
  }

  private run(): void {
    this.rest = undefined;
    if (this.wanted === null) return;
    try {
      this.replace(this.wanted);
      this.wanted = null;
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "SecurityError")) throw error;
    }
    this.rest = setTimeout(() => this.run(), REST_MS);
  }
}

export const addressBar = new AddressBar((hash) => {
  if (hash !== location.hash) history.replaceState(history.state, "", location.pathname + location.search + hash);
});
