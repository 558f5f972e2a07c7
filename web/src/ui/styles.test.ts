import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("./styles/", import.meta.url);
const queries = readdirSync(folder).flatMap((name) => {
  const style = readFileSync(new URL(name, folder), "utf8");
  return [...style.matchAll(/@media ([^{]+) \{/g)].map(([, query]) => ({ name, query: query ?? "" }));
});

test("a low screen gets the one-column flow in every style sheet, whatever its width", () => {
  const flow = queries.filter(({ query }) => /width < (1180|820)px/.test(query));
  assert.ok(flow.length >= 5);
  for (const { name, query } of flow) assert.ok(query.endsWith(", (height < 500px)"), `${name}: ${query}`);
  const wide = queries.filter(({ query }) => query.includes("width >="));
  for (const { name, query } of wide) assert.ok(query.endsWith(" and (height >= 500px)"), `${name}: ${query}`);
});
