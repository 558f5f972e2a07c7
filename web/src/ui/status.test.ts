import assert from "node:assert/strict";
import { test } from "node:test";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { Status } from "./Status.tsx";

test("a screen reader that was silent: what is said appears in an element that was there before", () => {
  const render = (text: string | null): string => renderToStaticMarkup(createElement(Status, { text, className: "detail" }));
  assert.equal(render(null), '<p class="hidden" role="status"></p>');
  assert.equal(render("The hub is away."), '<p class="detail" role="status">The hub is away.</p>');
});
