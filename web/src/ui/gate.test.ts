import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { storedToken, takeTokenFromAddress } from "../api/token.ts";
import { Gate } from "./gate.ts";

/** What of a browser the gate touches. Requests are answered when told to. */
const browser = {
  location: { hash: "", pathname: "/", search: "", href: "http://hub/" },
  history: { state: null, replaceState: (_: unknown, __: string, to: string) => (browser.location.hash = new URL(to, "http://hub").hash) },
  sessionStorage: {
    kept: new Map<string, string>(),
    getItem: (key: string) => browser.sessionStorage.kept.get(key) ?? null,
    setItem: (key: string, value: string) => void browser.sessionStorage.kept.set(key, value),
    removeItem: (key: string) => void browser.sessionStorage.kept.delete(key),
  },
  WebSocket: class extends EventTarget {
    close(): void {}
  },
};
interface Asked {
  readonly token: string | null;
  answer(status: number): Promise<void>;
}
let asked: Asked[];
const before = new Map<string, PropertyDescriptor | undefined>();

beforeEach(() => {
  asked = [];
  browser.location.hash = "";
  browser.sessionStorage.kept.clear();
  const fetcher = (_: unknown, init?: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      init?.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      asked.push({
        token: new Headers(init?.headers).get("authorization"),
        answer: async (status) => {
          resolve(new Response(JSON.stringify({ version: "0.1.0" }), { status }));
          await setImmediate();
        },
      });
    });
  for (const [name, value] of Object.entries({ ...browser, fetch: fetcher })) {
    before.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
});
afterEach(() => {
  for (const [name, descriptor] of before) {
    if (descriptor === undefined) Reflect.deleteProperty(globalThis, name);
    else Object.defineProperty(globalThis, name, descriptor);
  }
});

/** As `main.tsx` does when the fragment has changed. */
function paste(gate: Gate, hash: string): void {
  browser.location.hash = hash;
  const token = takeTokenFromAddress();
  if (token !== null) gate.offer(token);
}

test("a token with a character that nobody sees is refused at once, and does not look like a hub that is away", async () => {
  const gate = new Gate();
  for (const token of ["secret\u200b", "se\ncret", "“secret”"]) {
    gate.signIn(token);
    const state = gate.state.get();
    assert.ok(state.kind === "signed-out" && state.notice !== null, `${token}: ${state.kind}`);
  }
  assert.equal(asked.length, 0);
  gate.signIn("secret ");
  assert.equal(asked[0]?.token, "Bearer secret");
  gate.signOut();
});

test("a token pasted into an open signed-out tab is taken, and out of the address at once", async () => {
  const gate = new Gate();
  paste(gate, "#token=fresh&camera=a.b");
  assert.equal(browser.location.hash, "#camera=a.b");
  assert.equal(gate.state.get().kind, "checking");
  assert.equal(asked[0]?.token, "Bearer fresh");
  await asked[0].answer(200);
  assert.equal(gate.state.get().kind, "signed-in");
  assert.equal(storedToken(), "fresh");
  gate.signOut();
});

test("a fragment without a token asks nobody", () => {
  const gate = new Gate();
  paste(gate, "#camera=a.b&mode=exact");
  assert.equal(browser.location.hash, "#camera=a.b&mode=exact");
  assert.deepEqual([gate.state.get().kind, asked.length], ["signed-out", 0]);
});

test("who is signed in stays so, and the token is out of the address all the same", async () => {
  const gate = new Gate();
  gate.signIn("good");
  await asked[0]?.answer(200);
  paste(gate, "#token=of-someone-else");
  assert.equal(browser.location.hash, "");
  assert.equal(gate.state.get().kind, "signed-in");
  assert.equal(storedToken(), "good");
  gate.signOut();
});

test("a refusal of the token before is not held against the one pasted since", async () => {
  const gate = new Gate();
  gate.signIn("stale");
  paste(gate, "#token=fresh");
  await asked[0]?.answer(401);
  assert.equal(gate.state.get().kind, "checking");
  await asked[1]?.answer(401);
  assert.equal(gate.state.get().kind, "signed-out");
});
