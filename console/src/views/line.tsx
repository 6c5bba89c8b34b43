// One line: its operations, its calls, where it is registered.

import { useEffect } from "preact/hooks";
import { LINE_OPERATIONS } from "../operations.ts";
import { segment } from "../api.ts";
import type { Store } from "../store.ts";
import { isOver, lineText, lineTone } from "../words.ts";
import { CallCard } from "./calls.tsx";
import { Operations } from "./operate.tsx";
import { Nothing } from "./parts.tsx";
import { RegistrationTable } from "./registrations.tsx";

export function LineView({ store, address }: { store: Store; address: string }) {
  useEffect(() => store.watch(address), [store, address]);
  const line = store.lines.get(address);
  if (line === undefined) return <Nothing>There is no line {address}, or this application does not open it.</Nothing>;
  const calls = [...store.calls.values()].filter((call) => call.line === address && !isOver(call));
  const tone = lineTone(line, calls);
  const contacts = store.registrations.filter((registration) => registration.line === address);
  return (
    <section aria-label={`Line ${address}`}>
      <p>
        <a href="#/wall">All lines</a>
      </p>
      <article class={`call line ${tone}`} data-line={address}>
        <header>
          <strong>{line.address}</strong> <span>{line.name}</span>
          <span class={`state ${tone}`}>{lineText(line, tone)}</span>
          <span class="quiet">{line.kind}</span>
        </header>
        <Operations store={store} table={LINE_OPERATIONS} features={store.isWatcher ? [] : line.features} path={`/v1/lines/${segment(address)}`} label={address} />
        {line.forwarding.length === 0 ? null : (
          <ul class="plain">
            {line.forwarding.map((entry) => (
              <li key={entry.mode + (entry.caller ?? "")}>
                {entry.mode}
                {entry.caller === null ? "" : ` from ${entry.caller}`}: {entry.destination ?? "do not disturb"}
              </li>
            ))}
          </ul>
        )}
        {line.messages.waiting ? (
          <p>
            {line.messages.new} new and {line.messages.old} old messages
          </p>
        ) : null}
      </article>
      {calls.map((call) => (
        <CallCard key={call.id} store={store} call={call} />
      ))}
      {line.kind === "phone" ? <RegistrationTable registrations={contacts} /> : null}
    </section>
  );
}

