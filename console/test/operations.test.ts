import assert from "node:assert/strict";
import { test } from "node:test";
import { CALL_OPERATIONS, LINE_OPERATIONS, type Operation, READS, allowed, body, secondCalls } from "../src/operations.ts";
import type { Call } from "../src/types.ts";

const named = (table: readonly Operation[], name: string): Operation => {
  const found = table.find((operation) => operation.name === name);
  assert.ok(found, name);
  return found;
};

// engine/src/switch/operation.rs, CallOperation and LineOperation.
const CALLS = `accept add-to-conference answer blind-transfer complete-call complete-transfer deallocate-call dial drop gather-digits
  generate-digits get-conf-related-calls handoff hold monitor-digits monitor-media park pause-recording prepare-add-to-conference redirect
  remove-from-conference resume-recording secure-call send-user-user-info set-call-data set-call-privilege set-call-quality-of-service
  set-media-mode setup-conference setup-transfer start-fork start-recording stop-fork stop-recording swap-hold unhold`.split(/\s+/);
const LINES = "forward get-new-calls make-call pickup setup-conference translate-address uncomplete-call unpark".split(" ");

test("each operation has one button", () => {
  assert.deepEqual([...CALL_OPERATIONS.map((operation) => operation.name), ...READS].sort(), CALLS);
  assert.deepEqual(LINE_OPERATIONS.map((operation) => operation.name).sort(), LINES);
});

test("only what the features allow is shown", () => {
  assert.deepEqual(allowed(CALL_OPERATIONS, ["drop", "hold", "of-the-future"]).map((operation) => operation.name), ["hold", "drop"]);
  assert.deepEqual(allowed(CALL_OPERATIONS, []), []);
});

test("a body has what was filled in, as the API takes it", () => {
  assert.deepEqual(body(named(CALL_OPERATIONS, "hold"), {}), {});
  assert.deepEqual(body(named(CALL_OPERATIONS, "blind-transfer"), { to: " 1003 " }), { to: "1003" });
  assert.deepEqual(body(named(CALL_OPERATIONS, "setup-transfer"), { to: "" }), {});
  assert.deepEqual(body(named(CALL_OPERATIONS, "park"), { mode: "directed", to: "705" }), { mode: "directed", to: "705" });
  assert.deepEqual(body(named(CALL_OPERATIONS, "gather-digits"), { count: "4", termination_digits: "#" }), { count: 4, termination_digits: "#" });
  assert.deepEqual(body(named(CALL_OPERATIONS, "monitor-digits"), { modes: "dtmf, dtmfend," }), { modes: ["dtmf", "dtmfend"] });
  assert.deepEqual(body(named(CALL_OPERATIONS, "set-call-data"), { data: "case 42" }), { data: "63617365203432" });
});

test("forwarding is the whole list", () => {
  const forward = named(LINE_OPERATIONS, "forward");
  assert.deepEqual(body(forward, { mode: "busy", destination: "1003" }), { entries: [{ mode: "busy", destination: "1003" }] });
  assert.deepEqual(body(forward, { mode: "busy", destination: "" }), { entries: [] });
  assert.deepEqual(body(forward, { mode: "busy", destination: "", do_not_disturb: "true" }), { entries: [{ mode: "uncond" }] });
});

test("a second call is a related one before another of the line", () => {
  const call = (id: string, line: string, state: string, related: string[] = []): Call => ({ id, line, state, related }) as unknown as Call;
  const first = call("c1", "1001", "onholdpendtransfer", ["c3"]);
  const all = [first, call("c2", "1001", "onhold"), call("c3", "1001", "connected"), call("c4", "1002", "connected"), call("c5", "1001", "idle"), call("c6", "1001", "conferenced")];
  assert.deepEqual(secondCalls(first, all).map((other) => other.id), ["c3", "c2"]);
});
