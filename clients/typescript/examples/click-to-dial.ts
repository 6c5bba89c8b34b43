// Click-to-dial: calls a number from a desk phone. The phone rings first; when it is picked up, the number is called.
//
//     node click-to-dial.js 1001 1002
//
// It prints each state of the call and ends with it. Ctrl-C hangs up.

import { connect, done, EventStream, fromEnvironment, newKey, Refused } from "trunkline-client";

const [line, to] = process.argv.slice(2);
if (!line || !to) {
  console.error("usage: click-to-dial LINE NUMBER");
  process.exit(2);
}

const daemon = fromEnvironment();
const api = connect(daemon);
// First the stream, then the call: so none of its states is missed.
const events = await EventStream.open(daemon);

try {
  // A click that is repeated because its answer was lost must not call twice: it is the same request as long as its key is.
  const key = newKey();
  const answer = await api.makeCall({ path: { line }, body: { to }, headers: { "Idempotency-Key": key } });
  const call = done(answer).call!;
  console.log(`${call}: ${line} calls ${to}`);
  process.once("SIGINT", () => void api.drop({ path: { call } }));

  for await (const event of events) {
    if (event.type === "lost") {
      // The stream was away for too long: whether the call is still there says the API.
      const { state } = await api.call({ path: { call } });
      console.log(`${call}: ${state} (events were lost)`);
    }
    if (event.type !== "call-state" || event.call !== call) continue;
    console.log(`${call}: ${event.state}${event.state_mode ? ` (${event.state_mode})` : ""}`);
    if (event.state === "disconnected") await api.deallocateCall({ path: { call } });
    if (event.state === "disconnected" || event.state === "idle") break;
  }
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.error(`${line} cannot call ${to}: ${error.message}`);
  process.exitCode = 1;
} finally {
  events.close();
}
