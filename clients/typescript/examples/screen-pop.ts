// Screen pop: shows who calls, before the phone is picked up.
//
//     node screen-pop.js 1002 customers.json
//
// `customers.json` is `{"1001": "Ada Lovelace, gold"}`: in its place stands the search of your CRM.

import { readFile } from "node:fs/promises";
import { connect, EventStream, fromEnvironment, Refused, type Call } from "trunkline-client";

const [line, file] = process.argv.slice(2);
if (!line) {
  console.error("usage: screen-pop LINE [CUSTOMERS.json]");
  process.exit(2);
}
const customers: Record<string, string> = file ? JSON.parse(await readFile(file, "utf8")) : {};

const daemon = fromEnvironment();
const api = connect(daemon);
const events = await EventStream.open(daemon);
const shown = new Set<string>();
console.log(`waiting for calls of ${line}`);

// What rings already is shown, too.
await lookAround();

for await (const event of events) {
  switch (event.type) {
    case "call-state":
      if (event.line !== line) break;
      if (event.state === "offering" || event.state === "accepted") await pop(event.call);
      if (event.state === "connected" && shown.delete(event.call)) console.log(`${event.call}: picked up`);
      if (event.state === "idle" && shown.delete(event.call)) console.log(`${event.call}: gone`);
      break;
    case "lost":
      await lookAround();
      break;
  }
}

async function lookAround(): Promise<void> {
  for (const call of await api.calls()) {
    if (call.line === line && (call.state === "offering" || call.state === "accepted")) show(call);
  }
}

async function pop(id: string): Promise<void> {
  try {
    show(await api.call({ path: { call: id } }));
  } catch (error) {
    // It is over already.
    if (!(error instanceof Refused)) throw error;
  }
}

function show({ id, caller, reason, redirecting }: Call): void {
  if (shown.has(id)) return;
  shown.add(id);
  const who = customers[caller.number] ?? (caller.name || "nobody we know");
  const sent = redirecting.number ? `, sent by ${redirecting.number}` : "";
  console.log(`${id}: ${caller.blocked ? "number withheld" : caller.number} calls (${reason}${sent}): ${who}`);
}
