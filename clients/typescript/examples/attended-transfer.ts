// Attended transfer: the call that a line is in is held, a colleague is called, and when he has answered the two are connected.
//
//     node attended-transfer.js 1001 1003
//
// Where the colleague does not answer, the call is taken back.

import { connect, done, EventStream, fromEnvironment, Refused, type Event } from "trunkline-client";

const [line, to] = process.argv.slice(2);
if (!line || !to) {
  console.error("usage: attended-transfer LINE NUMBER");
  process.exit(2);
}

const daemon = fromEnvironment();
const api = connect(daemon);
const events = await EventStream.open(daemon);

try {
  const calls = await api.calls();
  // `features` are the operations that would be accepted now, so nothing is tried in vain.
  const call = calls.find((call) => call.line === line && call.features.includes("setup-transfer"))?.id;
  if (!call) throw new Error(`${line} is in no call that could be transferred`);

  const consult = done(await api.setupTransfer({ path: { call }, body: { to } })).consult!;
  console.log(`${call} is held, ${consult} calls ${to}`);

  if (await answered(consult)) {
    console.log(`${to} has answered`);
    await api.completeTransfer({ path: { call }, body: { consult, mode: "transfer" } });
    console.log(`${call} is transferred to ${to}`);
  } else {
    await api.unhold({ path: { call } });
    console.log(`${to} did not answer, ${line} has ${call} back`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(error instanceof Refused ? `refused: ${error.message}` : String(error));
  process.exitCode = 1;
} finally {
  events.close();
}

/** Waits until the consultation call is connected, or over. */
async function answered(consult: string): Promise<boolean> {
  const states: Record<string, boolean> = { connected: true, disconnected: false, idle: false };
  for (;;) {
    const { value: event, done: isOver } = (await events.next()) as IteratorResult<Event>;
    if (isOver) return false;
    // After `lost` the event that is waited for may be gone: the call itself knows.
    const state =
      event.type === "lost"
        ? (await api.call({ path: { call: consult } })).state
        : event.type === "call-state" && event.call === consult
          ? event.state
          : "";
    const outcome = states[state];
    if (outcome !== undefined) return outcome;
  }
}
