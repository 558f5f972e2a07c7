import assert from "node:assert/strict";
import { test } from "node:test";
import { readPlace, writePlace } from "../ui/address.ts";
import { HubClient, readFailure } from "./client.ts";
import { explain } from "./result.ts";
import { splitFragment } from "./token.ts";

function hub(answer: (url: string, init: RequestInit) => Response | Promise<Response>) {
  let refused = 0;
  const fetcher = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => answer(String(input), init ?? {});
  return { client: new HubClient("secret", () => (refused += 1), fetcher), refused: () => refused };
}
const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });

test("every request shows the token, in the header and nowhere else", async () => {
  const { client } = hub((url, init) => {
    assert.equal(new Headers(init.headers).get("authorization"), "Bearer secret");
    assert.ok(!url.includes("secret"));
    return json({ version: "1" });
  });
  assert.deepEqual(await client.session(), { kind: "success", value: { version: "1" } });
});

test("a 401 is reported once, besides being the result", async () => {
  const { client, refused } = hub(() => json({ error: { kind: "unauthorized", message: "no" } }, 401));
  assert.deepEqual(await client.cameras(), { kind: "error", failure: { kind: "unauthorized" } });
  assert.equal(refused(), 1);
});

test("refusals keep the hub's words; what stands before the hub may write anything", () => {
  const body = JSON.stringify({ error: { kind: "not_found", message: "no such camera" } });
  assert.deepEqual(readFailure(404, body), { kind: "refused", status: 404, code: "not_found", message: "no such camera" });
  assert.equal(readFailure(503, JSON.stringify({ error: { kind: "full", message: "full" } })).kind, "refused");
  assert.equal(readFailure(502, "<html>Bad gateway</html>").kind, "unreachable");
  assert.equal(readFailure(500, "").kind, "refused");
  assert.equal(explain(readFailure(404, body)), "No such camera.");
});

test("no answer, a cut answer, and an answer of another kind are told apart", async () => {
  const gone = hub(() => Promise.reject(new TypeError("Failed to fetch")));
  const other = hub(() => json({ cameras: "many" }));
  const cut = hub(() => new Response('{"cameras":['));
  for (const [{ client }, kind] of [[gone, "unreachable"], [other, "malformed"], [cut, "malformed"]] as const) {
    const result = await client.cameras();
    assert.ok(result.kind === "error" && result.failure.kind === kind, kind);
  }
});

test("a request that was given up is not an error", async () => {
  const life = new AbortController();
  const { client } = hub(() => {
    life.abort();
    return Promise.reject(new DOMException("aborted", "AbortError"));
  });
  assert.deepEqual(await client.events({ limit: 5 }, life.signal), { kind: "aborted" });
});

test("a picture that takes long over a thin line is waited for, a list is not", async (context) => {
  const asked: number[] = [];
  context.mock.method(AbortSignal, "timeout", (ms: number) => {
    asked.push(ms);
    return new AbortController().signal;
  });
  const { client } = hub(() => json({ events: [], next: null }));
  await client.events({ limit: 5 });
  await client.picture("e", "picture");
  // Four of 150 kB at 256 kbit/s.
  const thin = (4 * 150 * 8) / 256;
  assert.ok(asked[0]! <= 10_000 && asked[1]! > 2 * thin * 1000, asked.join());
});

test("one event that can't be read does not hide the others", async () => {
  const { client } = hub((url) => {
    assert.equal(url, "/api/v1/events?limit=5&stream=a.b&before=x");
    return json({ events: [{ id: "broken" }], next: "y" });
  });
  const page = await client.events({ limit: 5, stream: "a.b", before: "x" });
  assert.deepEqual(page, { kind: "success", value: { events: [], next: "y" } });
});

test("a token is cut out of the address, and only it", () => {
  assert.deepEqual(splitFragment("#token=abc"), { token: "abc", rest: "" });
  assert.deepEqual(splitFragment("#camera=a.b&token=a%2Bb&mode=exact"), { token: "a+b", rest: "#camera=a.b&mode=exact" });
  assert.deepEqual(splitFragment("#camera=a.b"), { token: null, rest: "#camera=a.b" });
  assert.deepEqual(splitFragment("#token="), { token: null, rest: "" });
  assert.deepEqual(splitFragment(""), { token: null, rest: "" });
});

test("the place in the page reads back", () => {
  const nothing = { camera: null, mode: "exact", label: null, onlyCamera: false, until: null, event: null } as const;
  for (const place of [
    nothing,
    { ...nothing, camera: "a.b", mode: "live" },
    { ...nothing, camera: "a.b", label: "traffic light" },
    { ...nothing, camera: "a.b", onlyCamera: true },
    { ...nothing, camera: "a.b", event: "0196a000-0000-7000-8000-000000000001" },
    { ...nothing, label: "cat", until: Date.parse("2026-11-20T14:00:00Z") },
  ] as const) {
    assert.deepEqual(readPlace(writePlace(place)), place);
  }
  assert.deepEqual(readPlace("#mode=fast&label=&only=me&until=soon&event="), nothing);
  assert.equal(readPlace("#mode=exact").mode, "exact");
  assert.deepEqual([writePlace(nothing), writePlace({ ...nothing, mode: "live" })], ["", "#mode=live"]);
  assert.equal(writePlace({ ...nothing, until: Date.parse("2026-11-20T14:00:00Z") }), "#until=2026-11-20T14:00Z");
  assert.equal(writePlace({ ...nothing, label: "a&b" }), "#label=a%26b");
});

/** Runs what needs to know which page it is in. */
function onPage(run: () => void): void {
  const place = { document: { baseURI: "http://hub/" }, window: { location: { origin: "http://hub" } } };
  Object.assign(globalThis, place);
  try {
    run();
  } finally {
    for (const name of Object.keys(place)) Reflect.deleteProperty(globalThis, name);
  }
}

test("the end of a session is sent though the page is being left, and to the hub only", () => {
  const ended: [string, RequestInit][] = [];
  const { client } = hub((url, init) => {
    ended.push([url, init]);
    return new Response();
  });
  onPage(() => {
    client.endWhep("/api/v1/streams/a.b/whep/1");
    client.endWhep("http://elsewhere/api/v1/streams/a.b/whep/1");
  });
  assert.deepEqual(ended.map(([url, { method, keepalive }]) => [url, method, keepalive]), [
    ["http://hub/api/v1/streams/a.b/whep/1", "DELETE", true],
  ]);
});

test("a session whose address is none ends without a fault, or the picture would never be tried again", () => {
  const { client } = hub(() => assert.fail("nothing is to be asked"));
  onPage(() => client.endWhep("http://["));
});
