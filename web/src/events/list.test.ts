import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { HubClient } from "../api/client.ts";
import type { HubMessage } from "../live/wire.ts";
import { Store } from "../ui/store.ts";
import { EventList } from "./list.ts";
import type { SocketState } from "./socket.ts";

function row(n: number, rest: object = {}) {
  return {
    id: String(n).padStart(6, "0"),
    stream: "a.b",
    phase: "closed",
    revision: 2,
    label: "person",
    track: n,
    score: 0.5,
    box: [0, 0, 1, 1],
    opened_us: n,
    best_us: n,
    closed_us: n,
    place: "edge",
    engine: "e",
    model: "m",
    picture_revision: null,
    ...rest,
  };
}

/** A hub with events, whose answers come when told to, and its socket. */
class Hub {
  rows: ReturnType<typeof row>[] = [row(1)];
  readonly state = new Store<SocketState>({ kind: "connecting" });
  readonly asked: string[] = [];
  private readonly waiting: (() => void)[] = [];
  private readonly listeners = new Set<(message: HubMessage) => void>();
  private failing = false;
  readonly client = new HubClient("t", () => {}, (input, init) => {
    this.asked.push(String(input));
    const query = new URL(String(input), "http://hub").searchParams;
    return new Promise((resolve, reject) => {
      init?.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      this.waiting.push(() => {
        if (this.failing) return reject(new TypeError("Failed to fetch"));
        const before = query.get("before");
        const all = this.rows.filter(({ id }) => before === null || id < before).toSorted((a, b) => (a.id < b.id ? 1 : -1));
        const events = all.slice(0, Number(query.get("limit")));
        resolve(new Response(JSON.stringify({ events, next: all.length > events.length ? events.at(-1)?.id : null })));
      });
    });
  });
  readonly socket = {
    state: this.state,
    listen: (listener: (message: HubMessage) => void) => {
      this.listeners.add(listener);
      return () => this.listeners.delete(listener);
    },
  };

  say(message: HubMessage): void {
    for (const listener of this.listeners) listener(message);
  }

  /** The request that has waited longest, or another. */
  async answer(at = 0): Promise<void> {
    this.failing = false;
    this.waiting.splice(at, 1)[0]?.();
    await setImmediate();
  }

  async fail(): Promise<void> {
    this.failing = true;
    this.waiting.shift()?.();
    await setImmediate();
  }

  /** The socket is lost and comes back; the hub has confirmed the sign-in. */
  reconnect(): void {
    this.state.set({ kind: "retrying", attempt: 1, reason: null });
    this.state.set({ kind: "open" });
  }
}

let hub: Hub;
let list: EventList;
let end: () => void;
const tracks = (): number[] | string => {
  const state = list.state.get();
  return state.kind === "ready" ? state.feed.events.map(({ track }) => track) : state.kind;
};

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  hub = new Hub();
  list = new EventList(hub.client, hub.socket, { stream: null, label: null, until: null });
  end = list.state.subscribe(() => {});
});
afterEach(() => {
  end();
  mock.timers.reset();
});

test("what the socket has missed is fetched when the hub says so", async () => {
  await hub.answer();
  hub.rows.push(row(2));
  hub.say({ type: "resync" });
  assert.equal(hub.asked.length, 2);
  await hub.answer();
  assert.deepEqual(tracks(), [2, 1]);
});

test("the list is fetched again once the sign-in is confirmed, not while the socket tries", async () => {
  await hub.answer();
  hub.state.set({ kind: "retrying", attempt: 1, reason: null });
  hub.state.set({ kind: "retrying", attempt: 2, reason: null });
  assert.equal(hub.asked.length, 1);
  hub.state.set({ kind: "open" });
  assert.equal(hub.asked.length, 2);
});

test("a refetch that fails is tried again, at growing distances, while the list stays", async () => {
  await hub.answer();
  hub.rows.push(row(2));
  hub.reconnect();
  for (const [failures, longestMs] of [[1, 500], [2, 1000], [3, 2000], [4, 4000]] as const) {
    await hub.fail();
    assert.deepEqual(tracks(), [1]);
    mock.timers.tick(longestMs / 2 - 1);
    assert.equal(hub.asked.length, 1 + failures, "not at once");
    mock.timers.tick(longestMs / 2 + 1);
    assert.equal(hub.asked.length, 2 + failures);
  }
  await hub.answer();
  assert.deepEqual(tracks(), [2, 1]);
  mock.timers.tick(60_000);
  assert.equal(hub.asked.length, 6, "and that was the last");
});

test("a list that never came is tried again too, and at once where someone asks", async () => {
  await hub.fail();
  assert.equal(tracks(), "failed");
  list.refresh();
  assert.equal(hub.asked.length, 2);
  await hub.fail();
  mock.timers.tick(1000);
  await hub.answer();
  assert.deepEqual(tracks(), [1]);
});

test("a gap while the page is under way is followed by another page, once and not at once", async () => {
  await hub.answer();
  hub.say({ type: "resync" });
  for (let n = 0; n < 20; n += 1) hub.say({ type: "resync" });
  assert.equal(hub.asked.length, 2);
  await hub.answer();
  hub.rows.push(row(2));
  hub.say({ type: "resync" });
  assert.equal(hub.asked.length, 2);
  mock.timers.tick(500);
  assert.equal(hub.asked.length, 3);
  await hub.answer();
  assert.deepEqual(tracks(), [2, 1]);
  mock.timers.tick(60_000);
  assert.equal(hub.asked.length, 3);
});

test("all that is shown is fetched again, so that a missed end shows wherever it is", async () => {
  hub.rows = Array.from({ length: 120 }, (_, n) => row(n, n === 3 ? { phase: "opened", revision: 1, closed_us: undefined } : {}));
  await hub.answer();
  for (let n = 0; n < 2; n += 1) {
    void list.loadOlder();
    await hub.answer();
  }
  assert.equal(tracks().length, 120);
  hub.rows[3] = row(3);
  hub.rows.push(row(120));
  hub.reconnect();
  await hub.answer();
  assert.match(hub.asked.at(-1) ?? "", /limit=120$/);
  const state = list.state.get();
  assert.ok(state.kind === "ready" && state.feed.events.every(({ track, phase }) => track !== 3 || phase === "closed"));
});

test("older events that come after the list has started again are not put behind a hole", async () => {
  hub.rows = Array.from({ length: 120 }, (_, n) => row(n));
  await hub.answer();
  void list.loadOlder();
  hub.rows.push(...Array.from({ length: 200 }, (_, n) => row(120 + n)));
  hub.reconnect();
  await hub.answer(1); // The newest, before the older ones.
  await hub.answer();
  assert.deepEqual(tracks(), Array.from({ length: 50 }, (_, n) => 319 - n));
  const state = list.state.get();
  assert.ok(state.kind === "ready" && state.older.kind === "there");
  void list.loadOlder();
  await hub.answer();
  assert.deepEqual(tracks(), Array.from({ length: 100 }, (_, n) => 319 - n), "one after the other");
});

test("older events that come while the newest are asked for are not taken away by those", async () => {
  hub.rows = Array.from({ length: 120 }, (_, n) => row(n));
  await hub.answer();
  hub.reconnect();
  void list.loadOlder();
  await hub.answer(1); // The older ones, before the newest.
  hub.rows.push(row(120));
  await hub.answer();
  assert.equal(tracks().length, 100);
  mock.timers.tick(500);
  assert.match(hub.asked.at(-1) ?? "", /limit=100$/);
  await hub.answer();
  assert.deepEqual(tracks(), Array.from({ length: 100 }, (_, n) => 120 - n));
});

test("who has read on to the 900th event is still there after a reconnect: more than one page is fetched", async () => {
  hub.rows = Array.from({ length: 1200 }, (_, n) => row(n));
  await hub.answer();
  for (let pages = 0; pages < 17; pages += 1) {
    void list.loadOlder();
    await hub.answer();
  }
  assert.equal(tracks().length, 900);
  hub.reconnect();
  await hub.answer();
  assert.equal(tracks().length, 900, "nothing is taken away before all is there");
  await hub.answer();
  assert.deepEqual(hub.asked.slice(-2).map((path) => path.split("?")[1]), ["limit=500", "limit=400&before=000700"]);
  assert.deepEqual(tracks(), Array.from({ length: 900 }, (_, n) => 1199 - n));
});

test("a list as long as it may be says that there are older ones, and asks for none", async () => {
  hub.rows = Array.from({ length: 1200 }, (_, n) => row(n));
  await hub.answer();
  for (let pages = 0; pages < 19; pages += 1) {
    void list.loadOlder();
    await hub.answer();
  }
  const state = list.state.get();
  assert.deepEqual([tracks().length, state.kind === "ready" && state.older.kind], [1000, "full"]);
  const asked = hub.asked.length;
  await list.loadOlder();
  assert.equal(hub.asked.length, asked);
});

test("a list until a date has what began then, and what ends or comes late of that, and nothing of now", async () => {
  const until = Date.parse("2026-11-20T14:00:00Z");
  const id = (ms: number): string => `${ms.toString(16).padStart(12, "0").replace(/(.{8})/, "$1-")}-7000-8000-000000000001`;
  const dated = new EventList(hub.client, hub.socket, { stream: null, label: null, until });
  const stop = dated.state.subscribe(() => {});
  assert.equal(hub.asked.at(-1), `/api/v1/events?limit=50&before=${id(until + 60_000).replace(/1$/, "0")}`);
  hub.rows = [row(1, { id: id(until - 9000), phase: "opened", revision: 1, closed_us: undefined }), row(2, { id: id(until + 120_000) })];
  await hub.answer(1);
  const say = (track: number, ms: number): void => {
    const { opened_us: openedUs, best_us: bestUs, closed_us: closedUs, picture_revision: _, box: __, ...same } = row(track, { id: id(ms) });
    hub.say({ type: "event", event: { ...same, phase: "closed", place: "edge", box: [0, 0, 1, 1], openedUs, bestUs, closedUs, rule: null, why: null, closedReason: null } });
  };
  say(1, until - 9000);
  say(3, until + 59_000);
  say(4, until + 60_000);
  const state = dated.state.get();
  const shown = state.kind === "ready" && state.feed.events.map(({ track, phase }) => `${track} ${phase}`);
  assert.deepEqual(shown, ["3 closed", "1 closed"]);
  stop();
});

test("who looks away is asked for nothing", async () => {
  await hub.answer();
  hub.reconnect();
  end();
  await hub.fail();
  mock.timers.tick(60_000);
  hub.reconnect();
  assert.equal(hub.asked.length, 2);
});

test("what a filter keeps out is neither asked of the hub nor taken from the socket", async () => {
  const filtered = new EventList(hub.client, hub.socket, { stream: "a.b", label: "car", until: null });
  const stop = filtered.state.subscribe(() => {});
  assert.match(hub.asked.at(-1) ?? "", /\?limit=50&stream=a\.b&label=car$/);
  hub.rows = [];
  await hub.answer(1);
  for (const [track, rest] of [[1, { label: "car" }], [2, {}], [3, { label: "car", stream: "a.c" }]] as const) {
    const { opened_us: openedUs, best_us: bestUs, closed_us: closedUs, picture_revision: _, box: __, ...same } = row(track, rest);
    const event = { ...same, ...rest, phase: "closed", place: "edge", box: [0, 0, 1, 1], openedUs, bestUs, closedUs, rule: null, why: null, closedReason: null } as const;
    hub.say({ type: "event", event });
  }
  const state = filtered.state.get();
  assert.deepEqual(state.kind === "ready" && state.feed.events.map(({ track }) => track), [1]);
  stop();
});
