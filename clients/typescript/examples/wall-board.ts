// Wall board: each line, whether its phone is there, and whom it talks with, as it changes.
//
//     node wall-board.js
//
// An application with `privilege = "monitor"` is enough.

import { connect, EventStream, fromEnvironment, type Call, type Line } from "trunkline-client";

const daemon = fromEnvironment();
const api = connect(daemon);
// First the stream, then the lists: whatever changes while they are read is told behind.
const events = await EventStream.open(daemon);
let lines = new Map<string, Line>();
let calls = new Map<string, Call>();
let shown = "";
await readAll();
draw();

for await (const event of events) {
  switch (event.type) {
    case "call-state":
    case "call-info":
      await readCall(event.call);
      break;
    case "registration":
      lines.set(event.line, await api.line({ path: { line: event.line } }));
      break;
    case "lost":
      await readAll();
      break;
    default:
      continue;
  }
  draw();
}

async function readAll(): Promise<void> {
  lines = new Map((await api.lines()).map((line) => [line.address, line]));
  calls = new Map((await api.calls()).map((call) => [call.id, call]));
}

/** Who talks with whom changes with the calls beside one, too: all that are joined with it are read again. */
async function readCall(id: string): Promise<void> {
  const before = calls.get(id)?.related ?? [];
  const found = await api.calls();
  const now = found.find((call) => call.id === id);
  for (const stale of new Set([id, ...before, ...(now?.related ?? [])])) {
    const call = found.find((call) => call.id === stale);
    if (call) calls.set(stale, call);
    else calls.delete(stale);
  }
}

function draw(): void {
  const rows = [...lines.values()].map(({ address, name, registered }) => {
    const own = [...calls.values()].filter((call) => call.line === address && call.state !== "idle");
    const busy = own.map((call) => `${call.state} ${farEnd(call)}`).join(", ");
    return `${address.padEnd(6)} ${name.padEnd(12)} ${busy || (registered ? "free" : "away")}\n`;
  });
  const board = rows.join("");
  if (board === shown) return;
  shown = board;
  if (process.stdout.isTTY) console.clear();
  console.log(board);
}

function farEnd(call: Call): string {
  const { number, name } = call.connected.number ? call.connected : call.origin === "outbound" ? call.called : call.caller;
  return name || number;
}
