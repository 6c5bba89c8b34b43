// The store before a daemon of the test's: a WebSocket and answers by hand.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Api } from "../src/api.ts";
import { Store } from "../src/store.ts";

class Socket {
  static all: Socket[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((closed: { reason: string }) => void) | null = null;
  constructor(readonly url: string) {
    Socket.all.push(this);
  }
  close(): void {}
  tell(event: object): void {
    this.onmessage?.({ data: JSON.stringify(event) });
  }
}

let asked: string[] = [];
let answers: (path: string) => [number, unknown] = () => [200, []];

beforeEach(() => {
  asked = [];
  answers = () => [200, []];
  Socket.all = [];
  Object.assign(globalThis, {
    WebSocket: Socket,
    window: globalThis,
    location: { href: "http://pbx.example:8080/#/wall" },
    document: { hidden: false },
    requestAnimationFrame: (draw: () => void) => setTimeout(draw, 0),
    fetch: async (path: string) => {
      asked.push(path);
      const [status, body] = answers(path);
      return { ok: status < 400, status, statusText: "", text: async () => JSON.stringify(body) };
    },
  });
});

/** Until it is so. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((done) => setTimeout(done, 1));
}

const opened = (withdrawn: (why: string) => void = () => {}): [Store, Socket] => {
  const store = new Store(new Api("se/cret"), withdrawn);
  store.open();
  return [store, Socket.all[0]!];
};

test("the stream comes first, then everything is read", async () => {
  const [store, socket] = opened();
  assert.equal(socket.url, "ws://pbx.example:8080/v1/events?access_token=se%2Fcret");
  assert.deepEqual(asked, []);
  socket.onopen?.();
  await until(() => store.isLoaded);
  assert.deepEqual(asked, ["/v1/lines", "/v1/calls", "/v1/registrations", "/v1/trunks", "/v1/parked", "/v1/apps"]);
  store.close();
});

test("a stream that broke is resumed behind the last event, and everything is read again", async () => {
  const [store, socket] = opened();
  socket.onopen?.();
  await until(() => store.isLoaded);
  socket.tell({ seq: 41, type: "digits", call: "c1", line: "1001" });
  socket.tell({ seq: 42, type: "digits", call: "c1", line: "1001" });
  socket.onclose?.({ reason: "" });
  assert.equal(store.link, "lost");
  await until(() => Socket.all.length === 2);
  assert.equal(new URL(Socket.all[1]!.url).searchParams.get("after"), "42");
  asked = [];
  Socket.all[1]!.onopen?.();
  await until(() => asked.length === 6);
  assert.equal(store.link, "live");
  assert.deepEqual(store.told.map(({ event }) => event.seq), [41, 42]);
  store.close();
});

test("an event while a reading is on its way has its call read behind it", async () => {
  const [store, socket] = opened();
  const call = (state: string): object => ({ id: "c1", line: "1001", state, media: null, related: [] });
  answers = (path) => [200, path === "/v1/calls" ? [call("connected")] : path === "/v1/calls/c1" ? call("onhold") : path.startsWith("/v1/lines/") ? { address: "1001" } : []];
  socket.onopen?.();
  socket.tell({ seq: 1, type: "call-state", call: "c1", line: "1001", state: "onhold", state_mode: null });
  await until(() => store.calls.get("c1")?.state === "onhold");
  assert.ok(asked.indexOf("/v1/calls") < asked.indexOf("/v1/calls/c1"));
  store.close();
});

test("what is gone is forgotten, and what could not be read is read again", async () => {
  const [store, socket] = opened();
  let isGone = false;
  answers = (path) => {
    if (path === "/v1/calls/c1") return [404, { code: "invalcallhandle", detail: "" }];
    if (path === "/v1/calls") return [200, isGone ? [] : [{ id: "c1", line: "1001", state: "idle", media: null }]];
    return [200, []];
  };
  socket.onopen?.();
  await until(() => store.calls.has("c1"));
  isGone = true;
  socket.tell({ seq: 1, type: "call-info", call: "c1" });
  await until(() => !store.calls.has("c1"));
  answers = () => [503, { code: "resourceunavail", detail: "" }];
  asked = [];
  store.refresh();
  await until(() => asked.length >= 6);
  answers = () => [200, []];
  await until(() => asked.length >= 12);
  store.close();
});

test("a token that is no longer taken ends it", async () => {
  let why = "";
  answers = () => [401, { code: "unauthorized", detail: "No application has this token." }];
  const [store, socket] = opened((reason) => (why = reason));
  socket.onopen?.();
  await until(() => why !== "");
  assert.equal(why, "No application has this token.");
  store.close();
});

test("a call that has no figures yet is asked for them, one that is over is not", async () => {
  const call = (id: string, state: string): object => ({ id, line: "1001", state, media: null, related: [], features: [] });
  answers = (path) => [200, path === "/v1/calls" ? [call("c1", "connected"), call("c2", "idle")] : path === "/v1/calls/c1" ? call("c1", "connected") : []];
  const [store, socket] = opened();
  socket.onopen?.();
  await until(() => store.isLoaded);
  asked = [];
  (store as unknown as { poll: () => void }).poll();
  await until(() => asked.includes("/v1/calls/c1"));
  assert.ok(!asked.includes("/v1/calls/c2"), asked.join(" "));
  store.close();
});
