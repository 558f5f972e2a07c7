import assert from "node:assert/strict";
import { test } from "node:test";
import { nextMs, Poll, type Answer } from "./poll.ts";
import { failed, success, type Result } from "./result.ts";

const GONE = failed({ kind: "unreachable", message: "gone" });

/** Every answer so far, in one line. */
function told(before: string, answer: Answer<string>): string {
  return before + (answer.kind === "success" ? answer.value : "-");
}

test("it asks again and again, one question at a time, until it is stopped", async () => {
  const answers: Result<string>[] = [GONE, success("a"), GONE, success("b")];
  let [asked, open, most] = [0, 0, 0];
  let done = (): void => undefined;
  const all = new Promise<void>((resolve) => (done = resolve));
  const ask = async (): Promise<Result<string>> => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setTimeout(resolve, 2));
    open--;
    const answer = answers[asked++];
    if (answer === undefined) done();
    return answer ?? GONE;
  };
  const poll = new Poll({ first: ">", ask, next: told, everyMs: 1 });
  assert.equal(poll.state.get(), ">");
  await all;
  poll.stop();
  const shown = poll.state.get();
  assert.ok(shown.startsWith(">-a-b"), shown);
  const before = asked;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([asked, poll.state.get(), most], [before, shown, 1], "nobody asks after the end, and nothing is told");
});

test("an answer that can't be taken does not end the asking", async (context) => {
  const said = context.mock.method(console, "error", () => undefined);
  let shown = (): void => undefined;
  const all = new Promise<void>((resolve) => (shown = resolve));
  let asked = 0;
  const next = (): string => {
    if (asked === 1) throw new TypeError("no such thing");
    shown();
    return "well";
  };
  const poll = new Poll({ first: ">", ask: () => Promise.resolve(success(String(++asked))), next, everyMs: 1 });
  await all;
  poll.stop();
  assert.deepEqual([poll.state.get(), said.mock.callCount()], ["well", 1]);
});

test("a hub that is away is asked more seldom, one that is there as often as ever, and pages not all at once", () => {
  assert.deepEqual([0, 0.5, 0.99].map((random) => Math.round(nextMs(2000, 0, random))), [1800, 2000, 2196]);
  const waits = [1, 2, 3, 4, 5, 50].map((failures) => nextMs(2000, failures, 0.5));
  assert.deepEqual(waits, [2000, 2000, 3000, 6000, 7500, 7500]);
  assert.equal(nextMs(60_000, 50, 0.5), 60_000);
});

test("what is answered after the end is told nobody", async () => {
  let given: AbortSignal | undefined;
  let answer: (result: Result<string>) => void = () => undefined;
  const asked = new Promise<Result<string>>((resolve) => (answer = resolve));
  const ask = (signal: AbortSignal): Promise<Result<string>> => {
    given = signal;
    return asked;
  };
  const poll = new Poll({ first: ">", ask, next: told, everyMs: 1 });
  poll.stop();
  assert.ok(given?.aborted, "the request is given up");
  answer(success("late"));
  await asked;
  assert.equal(poll.state.get(), ">");
});
