import assert from "node:assert/strict";
import { test } from "node:test";
import { HubClient } from "../api/client.ts";
import { Pictures } from "./pictures.ts";
import { PictureSlot } from "./slot.ts";

/** A hub whose pictures come when told to. */
class Hub {
  readonly waiting: { readonly url: string; readonly answer: (response: Response) => void }[] = [];
  readonly client = new HubClient("t", () => {}, (input, init) => {
    return new Promise((resolve, reject) => {
      init?.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      this.waiting.push({ url: String(input), answer: resolve });
    });
  });

  async answer(status = 200): Promise<void> {
    this.waiting.shift()?.answer(new Response(status === 200 ? new Blob(["jpeg"]) : "", { status }));
    await settled();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
/** The same where a test decides when timers come. */
const turns = async (): Promise<void> => {
  for (let n = 0; n < 50; n += 1) await new Promise((resolve) => setImmediate(resolve));
};
const BOX = [0, 0, 1, 1] as const;

/** Counts the object URLs that are owed a revocation. */
function countUrls() {
  const urls = new Set<string>();
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (blob) => {
    const url = createObjectURL.call(URL, blob);
    urls.add(url);
    return url;
  };
  URL.revokeObjectURL = (url) => {
    urls.delete(url);
    revokeObjectURL.call(URL, url);
  };
  return {
    urls,
    restore: () => {
      URL.createObjectURL = createObjectURL;
      URL.revokeObjectURL = revokeObjectURL;
    },
  };
}

test("a better picture takes the place of the one before when it is loaded, and each URL is revoked", async (t) => {
  const { urls, restore } = countUrls();
  t.after(restore);
  const hub = new Hub();
  const slot = new PictureSlot(new Pictures(hub.client));
  slot.want("e", 1, "crop", BOX);
  await settled();
  assert.equal(slot.state.get().kind, "loading");
  await hub.answer();
  const first = slot.state.get();
  slot.want("e", 2, "crop", BOX);
  await settled();
  assert.equal(slot.state.get(), first, "the first stays while the second loads");
  await hub.answer();
  assert.notDeepEqual(slot.state.get(), first);
  assert.equal(urls.size, 1);
  slot.close();
  assert.equal(urls.size, 0);
});

test("a picture that fails leaves the one before, and says so until it is had or no longer wanted", async (t) => {
  t.after(countUrls().restore);
  const hub = new Hub();
  const slot = new PictureSlot(new Pictures(hub.client));
  slot.want("e", 1, "crop", BOX);
  await settled();
  await hub.answer();
  slot.want("e", 2, "crop", BOX);
  await settled();
  const trouble = (): string | null => {
    const state = slot.state.get();
    assert.ok(state.kind === "shown");
    return state.trouble;
  };
  assert.equal(trouble(), null);
  await hub.answer(404);
  assert.match(trouble() ?? "", /404/);
  slot.want("e", 1, "crop", BOX);
  await settled();
  assert.equal(trouble(), null);
  slot.close();
});

test("both views of a picture can be held at once, each by its own path", async (t) => {
  const { urls, restore } = countUrls();
  t.after(restore);
  const hub = new Hub();
  const pictures = new Pictures(hub.client);
  const slots = (["crop", "picture"] as const).map((view) => {
    const slot = new PictureSlot(pictures);
    slot.want("e", 1, view, BOX);
    return slot;
  });
  await settled();
  assert.deepEqual(hub.waiting.map(({ url }) => url), ["/api/v1/events/e/crop", "/api/v1/events/e/picture"]);
  await hub.answer();
  await hub.answer();
  const shown = slots.map((slot) => slot.state.get());
  assert.deepEqual(shown.map((state) => state.kind === "shown" && state.view), ["crop", "picture"]);
  assert.equal(urls.size, 2);
  for (const slot of slots) slot.close();
  assert.equal(urls.size, 0);
});

test("two places share one picture; a few are fetched at a time; what is given up makes room", async (t) => {
  const { urls, restore } = countUrls();
  t.after(restore);
  const hub = new Hub();
  const pictures = new Pictures(hub.client);
  const slots = Array.from({ length: 10 }, () => new PictureSlot(pictures));
  slots.forEach((slot, n) => slot.want(`e${n >> 1}`, 1, "crop", BOX));
  await settled();
  assert.equal(hub.waiting.length, 4);
  for (const slot of slots.slice(0, 2)) slot.close();
  await settled();
  assert.equal(hub.waiting.length, 5, "the fifth took the place of the one given up");
  hub.waiting.shift();
  for (let n = 0; n < 4; n += 1) await hub.answer();
  assert.ok(slots.slice(2).every((slot) => slot.state.get().kind === "shown"));
  assert.equal(urls.size, 4);
  for (const slot of slots) slot.close();
  assert.equal(urls.size, 0);
});

test("a picture whose first loading failed while the hub was away is there once the hub is, and one that the hub has not is not asked for again", async (t) => {
  const { urls, restore } = countUrls();
  t.after(restore);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const hub = new Hub();
  const pictures = new Pictures(hub.client);
  const [row, dialog, other] = [new PictureSlot(pictures), new PictureSlot(pictures), new PictureSlot(pictures)];
  const answer = async (status?: number): Promise<void> => {
    const { answer } = hub.waiting.shift()!;
    answer(new Response(status === undefined ? new Blob(["jpeg"]) : "", { status: status ?? 200 }));
    await turns();
  };
  row.want("e", 1, "crop", BOX);
  dialog.want("e", 1, "crop", BOX);
  other.want("f", 1, "crop", BOX);
  await turns();
  await answer(502);
  await answer(404);
  assert.deepEqual([row, dialog, other].map((slot) => slot.state.get().kind), ["failed", "failed", "failed"]);
  for (const status of [503, 500, 429]) {
    row.want("e", 1, "crop", BOX); // The list is fetched again, with the same revision.
    assert.equal(hub.waiting.length, 0, "not at once");
    t.mock.timers.tick(10_000);
    await turns();
    assert.deepEqual(hub.waiting.map(({ url }) => url), ["/api/v1/events/e/crop"]);
    await answer(status);
    assert.equal(row.state.get().kind, "failed", "and not as if it had never failed");
  }
  t.mock.timers.tick(10_000);
  await turns();
  await answer();
  assert.deepEqual([row, dialog, other].map((slot) => slot.state.get().kind), ["shown", "shown", "failed"]);
  t.mock.timers.tick(60_000);
  await turns();
  assert.equal(hub.waiting.length, 0, "it is had");
  for (const slot of [row, dialog, other]) slot.close();
  assert.equal(urls.size, 0);
});

test("a picture that nobody holds any more is not asked for again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const hub = new Hub();
  const slot = new PictureSlot(new Pictures(hub.client));
  slot.want("e", 1, "crop", BOX);
  await turns();
  hub.waiting.shift()!.answer(new Response("", { status: 502 }));
  await turns();
  assert.equal(slot.state.get().kind, "failed");
  slot.close();
  t.mock.timers.tick(60_000);
  await turns();
  assert.equal(hub.waiting.length, 0);
});
