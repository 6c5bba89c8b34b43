import assert from "node:assert/strict";
import { test } from "node:test";
import type { Call, Line, Party } from "../src/types.ts";
import { duration, farParty, farText, folded, fromHex, lineText, lineTone, partyText, stateText, stateTone, toHex, refusalText } from "../src/words.ts";

const party = (number: string, name = "", blocked = false): Party => ({ number, name, blocked });
const call = (over: Partial<Call>): Call => ({
  id: "c1", line: "1001", address: "1001", state: "connected", state_mode: null, privilege: "owner", features: [],
  origin: "outbound", reason: "direct", caller: party("1001"), called: party("1002", "Workshop"), connected: party(""),
  redirecting: party(""), redirection: party(""), related: [], media_modes: [], call_data: "", user_user: "",
  since: "2026-11-23T05:00:00Z", media: null, recording: null, forks: [], ...over,
});
const line = (over: Partial<Line>): Line => ({
  address: "1001", name: "Reception", kind: "phone", registered: true, contacts: 1, calls: [], forwarding: [],
  do_not_disturb: false, completions: [], messages: { waiting: false, new: 0, old: 0 }, features: [], ...over,
});

test("every state of TAPI has words and a colour", () => {
  for (const state of ["idle", "offering", "accepted", "dialtone", "dialing", "ringback", "busy", "specialinfo", "connected", "proceeding",
    "onhold", "conferenced", "onholdpendconf", "onholdpendtransfer", "disconnected"]) {
    assert.notEqual(stateTone(state), "off", state);
  }
  assert.equal(stateText("onholdpendconf"), "on hold, pending conference");
  assert.equal(stateText("of the future"), "of the future");
});

test("who hides is not shown as somebody", () => {
  assert.equal(partyText(party("", "", true)), "anonymous");
  assert.equal(partyText(party("1002", "Workshop", true)), "Workshop 1002 (hides)");
  assert.equal(partyText(party("1002", "1002")), "1002");
  assert.equal(partyText(party("")), "");
});

test("the far party is who answered, then who was called or calls, and never the line itself", () => {
  assert.equal(farParty(call({})).number, "1002");
  assert.equal(farParty(call({ connected: party("1003") })).number, "1003");
  const incoming = { origin: "internal", line: "1002", address: "1002" };
  assert.equal(farParty(call(incoming)).number, "1001");
  assert.equal(farParty(call({ ...incoming, connected: party("1002") })).number, "1001");
  assert.equal(farParty(call({ origin: "external", state: "offering", caller: party("", "", true) })).blocked, true);
});

test("a conference is no party", () => {
  assert.equal(farText(call({ origin: "conference", called: party("1001") })), "conference");
  assert.equal(farText(call({ called: party("") , caller: party("") })), "nobody yet");
});

test("a line is as the call that matters most", () => {
  assert.equal(lineTone(line({}), []), "idle");
  assert.equal(lineTone(line({ registered: false }), []), "off");
  assert.equal(lineTone(line({}), [call({ state: "idle" })]), "idle");
  assert.equal(lineTone(line({}), [call({ state: "onhold" }), call({ state: "offering" })]), "ringing");
  assert.equal(lineTone(line({}), [call({ state: "onhold" }), call({ state: "conferenced" })]), "talking");
  assert.equal(lineText(line({ do_not_disturb: true }), "idle"), "do not disturb");
  assert.equal(lineText(line({ kind: "trunk" }), "off"), "out of service");
});

test("times are short", () => {
  assert.deepEqual([-1, 4.9, 187, 7_500].map(duration), ["0 s", "4 s", "3 min 07 s", "2 h 05 min"]);
});

test("octets are text where they are text", () => {
  assert.equal(toHex("case 42"), "63617365203432");
  assert.equal(fromHex(toHex("Größe")), "Größe");
  assert.equal(fromHex("04ff"), "04ff");
  assert.equal(folded("Müller"), "muller");
});

test("a refusal says what to do about it and what would be taken", () => {
  const problem = { title: "Conflict", status: 409, code: "invalcallstate", detail: "The call is onhold." };
  assert.equal(refusalText(problem), "The call is onhold. (invalcallstate)");
  const explain = { sentence: "hold takes a call that is connected.", allowed: ["drop", "unhold"] };
  assert.equal(
    refusalText({ ...problem, explain }),
    "The call is onhold. (invalcallstate) hold takes a call that is connected. Possible now: drop, unhold.",
  );
  assert.equal(refusalText({ ...problem, explain: { sentence: problem.detail } }), "The call is onhold. (invalcallstate)");
});
