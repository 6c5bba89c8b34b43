import assert from "node:assert/strict";
import { test } from "node:test";
import { SINGLE_MAX, beside, fresh, isFresh, note, reads, restMs, retryMs } from "../src/feed.ts";
import type { Call, ServerEvent } from "../src/types.ts";

const paths = (...events: Partial<ServerEvent>[]): string[] => {
  const stale = fresh();
  for (const event of events) note(stale, { seq: 1, type: "", ...event } as ServerEvent, (line) => line === "carrier");
  return reads(stale);
};

test("an event makes its call and its line stale, once", () => {
  const event = { type: "call-state", call: "c3", line: "1001" };
  assert.deepEqual(paths(event, event), ["/v1/lines/1001", "/v1/calls/c3"]);
  assert.deepEqual(paths({ type: "call-state", call: "c3", line: "carrier" }), ["/v1/lines/carrier", "/v1/calls/c3", "/v1/trunks"]);
  assert.deepEqual(paths({ type: "registration", line: "10/01" }), ["/v1/lines/10%2F01", "/v1/registrations"]);
  assert.deepEqual(paths({ type: "parked", line: "1001" }), ["/v1/lines", "/v1/parked"]);
});

test("what changes nothing is not read", () => {
  assert.deepEqual(paths({ type: "reply", request: 4 }, { type: "digits", call: "c3", line: "1001" }), []);
  assert.ok(isFresh(fresh()));
});

test("many are read as one list", () => {
  const events = Array.from({ length: SINGLE_MAX + 1 }, (_, at) => ({ type: "call-info", call: `c${at}`, line: "1001" }));
  assert.deepEqual(paths(...events), ["/v1/lines/1001", "/v1/calls"]);
});

test("calls beside that of an event are read with it", () => {
  const call = (id: string, line: string, related: string[] = [], state = "connected"): Call => ({ id, line, related, state }) as unknown as Call;
  const calls = [call("c2", "1001"), call("c3", "1001", [], "idle"), call("c4", "1002", ["c1"]), call("c5", "1002"), call("c6", "carrier")];
  const of = (type: string, line: string): string[] => beside({ seq: 1, type, call: "c1", line }, calls, (name) => name === "carrier");
  assert.deepEqual(of("call-state", "1001"), ["c2", "c4"]);
  assert.deepEqual(of("call-state", "carrier"), ["c4"]);
  assert.deepEqual(of("call-info", "1001"), []);
});

test("lost events make everything stale", () => {
  assert.deepEqual(paths({ type: "lost", from: 2, to: 9 }), ["/v1/lines", "/v1/calls", "/v1/registrations", "/v1/trunks", "/v1/parked", "/v1/apps"]);
});

test("rests and retries have a floor and a ceiling", () => {
  assert.deepEqual([1, 300, 60_000].map(restMs), [60, 300, 2_000]);
  assert.deepEqual([1, 2, 3, 100].map(retryMs), [250, 500, 1_000, 10_000]);
});
