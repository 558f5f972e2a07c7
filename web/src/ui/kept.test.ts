import assert from "node:assert/strict";
import { test } from "node:test";
import { Kept } from "./kept.ts";

test("where site data is blocked, or the storage is full, the page goes on by what it remembers itself", () => {
  const map = new Map([["old", "kept before"]]);
  const full = {
    getItem: (key: string) => map.get(key) ?? null,
    removeItem: (key: string) => void map.delete(key),
    setItem: () => {
      throw new DOMException("full", "QuotaExceededError");
    },
  };
  const blocked = (): never => {
    throw new DOMException("blocked", "SecurityError");
  };
  for (const kept of [new Kept(blocked), new Kept(() => full)]) {
    kept.set("old", "new");
    assert.equal(kept.get("old"), "new");
    kept.remove("old");
    assert.equal(kept.get("old"), null);
  }
});

test("what the browser keeps is there for the next page", () => {
  const map = new Map<string, string>();
  const storage = {
    getItem: (key: string) => map.get(key) ?? null,
    removeItem: (key: string) => void map.delete(key),
    setItem: (key: string, value: string) => void map.set(key, value),
  };
  new Kept(() => storage).set("a", "1");
  assert.equal(new Kept(() => storage).get("a"), "1");
});
