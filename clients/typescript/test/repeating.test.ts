// What is asked again, and with which key.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, Refused, repeating } from "trunkline-client";

const at = "http://127.0.0.1:8080/v1/lines/1001/make-call";
const now = () => Promise.resolve();

/** A `fetch` that answers so, one after the other: `undefined` breaks the connection. */
function answers(...answers: (Response | undefined)[]) {
  const asked: Request[] = [];
  const fetch = async (input: RequestInfo | URL) => {
    asked.push(input as Request);
    const answer = answers.shift();
    if (!answer) throw new TypeError("fetch failed");
    return answer;
  };
  return { asked, fetch: repeating(fetch, now), keys: () => asked.map((request) => request.headers.get("Idempotency-Key")) };
}

test("a POST whose connection broke is asked again with its key and its body", async () => {
  const { asked, fetch, keys } = answers(undefined, Response.json({ code: "conflict" }, { status: 409 }), Response.json({ call: "c1" }));
  const response = await fetch(at, { method: "POST", body: '{"to":"1002"}' });
  assert.deepEqual(await response.json(), { call: "c1" });
  assert.equal(new Set(keys()).size, 1);
  assert.match(keys()[0]!, /^[0-9a-f-]{36}$/);
  for (const request of asked) assert.equal(await request.text(), '{"to":"1002"}');
});

test("a key of the caller's is kept, each request has its own, and reading has none", async () => {
  const { fetch, keys } = answers(Response.json({}), Response.json({}), Response.json({}), Response.json([]));
  await fetch(at, { method: "POST", headers: { "Idempotency-Key": "mine" } });
  await fetch(at, { method: "POST" });
  await fetch(at, { method: "POST" });
  await fetch(at);
  const [mine, one, other, none] = keys();
  assert.equal(mine, "mine");
  assert.notEqual(one, other);
  assert.equal(none, null);
});

test("a refusal is an answer, and a daemon that stays away is an error", async () => {
  const refused = answers(Response.json({ code: "invalcallstate" }, { status: 409 }));
  assert.equal((await refused.fetch(at, { method: "POST" })).status, 409);
  const gone = answers();
  await assert.rejects(gone.fetch(at, { method: "POST" }), TypeError);
  assert.equal(gone.asked.length, 5);
});

test("a conflict of no daemon is an answer", async () => {
  const page = answers(new Response("<h1>Conflict</h1>", { status: 409 }));
  assert.equal(await (await page.fetch(at, { method: "POST" })).text(), "<h1>Conflict</h1>");
  assert.equal(page.asked.length, 1);
});

test("a problem is thrown as what it says", async (t) => {
  const problem = { code: "notowner", detail: "Only the owner may.", status: 403, title: "Forbidden" };
  const headers = { "content-type": "application/problem+json" };
  t.mock.method(globalThis, "fetch", async () => new Response(JSON.stringify(problem), { status: 403, headers }));
  const api = connect({ url: "http://127.0.0.1:8080", token: "t" });
  await assert.rejects(api.drop({ path: { call: "c1" }, body: {} }), (error) => {
    assert.ok(error instanceof Refused);
    assert.equal(error.problem.code, "notowner");
    assert.equal(error.message, "notowner: Only the owner may.");
    return true;
  });
});
