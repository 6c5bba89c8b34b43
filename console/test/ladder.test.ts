import assert from "node:assert/strict";
import { test } from "node:test";
import { ENGINE, type Entry, ROWS_MAX, engineAddresses, ladder, mediaText, micros, toMermaid, toText } from "../src/ladder.ts";

const PHONE = "10.77.1.2:5060";
const OWN = "10.77.1.1:5060";
const OWN_TWO = "10.77.2.1:5060";
const CALLEE = "10.77.2.2:5060";

const sip = (at: string, from: string, to: string, summary: string, more = "", body = ""): Entry => ({
  kind: "sip", at: `2026-11-23T05:00:${at}Z`, from, to, transport: "udp", call_id: "a", summary,
  text: `${summary}\r\nCSeq: 1 INVITE\r\n${more}\r\n${body}`,
});
const OFFER = "v=0\r\nm=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n";

// A call as a daemon tells it, not in order: entries of two workers.
const SAMPLE: Entry[] = [
  sip("00.000100", PHONE, OWN, "INVITE sip:1002@pbx.example SIP/2.0", "User-Agent: baresip\r\n", OFFER),
  sip("00.000300", OWN, PHONE, "SIP/2.0 100 Trying", "Server: Trunkline/0.1\r\n"),
  sip("00.010000", CALLEE, OWN_TWO, "SIP/2.0 180 Ringing"),
  sip("00.001000", OWN_TWO, CALLEE, "INVITE sip:1002-0x5619fd66c280@10.77.2.2:5060 SIP/2.0"),
  { kind: "state", at: "2026-11-23T05:00:00.010500Z", call: "c1", line: "1001", state: "ringback", state_mode: null },
  { kind: "media", at: "2026-11-23T05:00:00.500000Z", call: "c1", line: "1001", change: "hears", detail: "music" },
  { kind: "operation", at: "2026-11-23T05:00:01.000000Z", app: "crm", call: "c1", operation: "hold", outcome: "invalcallstate" },
  sip("02.000000", CALLEE, OWN_TWO, "SIP/2.0 486 Busy Here"),
];

test("the engine is one column in the middle, whatever addresses it has", () => {
  assert.deepEqual(engineAddresses(SAMPLE), new Set([OWN]));
  const told = SAMPLE.map((entry) => (entry.kind === "sip" && entry.from === OWN_TWO ? { ...entry, text: `${entry.text}User-Agent: Trunkline/0.1\r\n` } : entry));
  assert.deepEqual(engineAddresses(told), new Set([OWN, OWN_TWO]));
  assert.deepEqual(ladder(told).columns, [PHONE, ENGINE, CALLEE]);
});

test("where nobody says who he is, the one who speaks most is the engine", () => {
  const silent = [sip("00.1", PHONE, OWN, "BYE sip:a SIP/2.0"), sip("00.2", OWN, CALLEE, "BYE sip:a SIP/2.0"), sip("00.3", CALLEE, OWN, "SIP/2.0 200 OK")];
  assert.deepEqual(ladder(silent).columns, [PHONE, ENGINE, CALLEE]);
});

test("who forges our name does not become the engine", () => {
  const forged = [sip("00.1", PHONE, OWN, "INVITE sip:a SIP/2.0", "User-Agent: Trunkline\r\n"), sip("00.2", CALLEE, OWN, "SIP/2.0 200 OK"), sip("00.3", OWN, CALLEE, "ACK sip:a SIP/2.0", "User-Agent: Trunkline\r\n")];
  assert.deepEqual(ladder(forged).columns, [PHONE, ENGINE, CALLEE]);
});

test("rows are in the order of time, to the microsecond", () => {
  const { rows } = ladder(SAMPLE);
  assert.deepEqual(rows.map((row) => row.offset), [0, 0.0002, 0.0009, 0.0099, 0.0104, 0.4999, 0.9999, 1.9999]);
  assert.equal(micros("2026-11-23T05:00:00.5Z") - micros("2026-11-23T05:00:00Z"), 500_000);
});

test("messages say what they are and what they do to media", () => {
  const { rows } = ladder(SAMPLE);
  assert.deepEqual(
    rows.map((row) => [row.label, row.tone]),
    [
      ["INVITE 1002, SDP sendonly PCMA", "request"],
      ["100 Trying (INVITE)", "waiting"],
      ["INVITE 1002-0x5619…", "request"],
      ["180 Ringing (INVITE)", "waiting"],
      ["1001 c1: ringback", "state"],
      ["1001 c1 hears music", "media"],
      ["crm: hold c1 – invalcallstate", "operation"],
      ["486 Busy Here (INVITE)", "bad"],
    ],
  );
  assert.equal(mediaText("x\r\n\r\nm=audio 0 RTP/AVP 0\r\n"), "SDP without audio");
  assert.equal(mediaText("x\r\nm=audio 4000 RTP/AVP 0\r\n"), "");
});

test("the exports hold every entry, and nothing of a peer breaks out of its line", () => {
  const evil = sip("03.0", PHONE, OWN, "OPTIONS sip:x;y#z<script>\nend SIP/2.0");
  const all = ladder([...SAMPLE, evil]);
  const mermaid = toMermaid(all).trimEnd().split("\n");
  assert.equal(mermaid[0], "sequenceDiagram");
  assert.equal(mermaid.length, 1 + all.columns.length + all.rows.length);
  assert.ok(mermaid.slice(1).every((line) => /^ {2}(participant p\d+ as |p\d+-{1,2}>>p\d+: |Note over p\d+: )[^;#<>]*$/.test(line)), mermaid.join("\n"));
  const text = toText(all);
  assert.ok(text.includes("0.010400  * 1001 c1: ringback"), text);
  assert.ok(text.includes(`${PHONE} -> ${ENGINE}  udp  INVITE 1002, SDP sendonly PCMA`), text);
  assert.ok(text.includes("m=audio 4000"), text);
});

test("of very many the last are drawn", () => {
  const many = Array.from({ length: ROWS_MAX + 5 }, () => SAMPLE[0]!);
  assert.equal(ladder(many).rows.length, ROWS_MAX);
  assert.deepEqual(ladder([]), { columns: [], rows: [] });
});
