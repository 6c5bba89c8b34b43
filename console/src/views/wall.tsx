// The wall: every line, how it is and whom it talks with.

import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import { lineHref } from "../place.ts";
import type { Store } from "../store.ts";
import type { Call, Line } from "../types.ts";
import { type Tone, folded, isOver, lineText, lineTone } from "../words.ts";
import { Far, Filter, Nothing, State } from "./parts.tsx";

const SHOWN: [string, (tone: Tone) => boolean][] = [
  ["all", () => true],
  ["in use", (tone) => tone !== "idle" && tone !== "off"],
  ["idle", (tone) => tone === "idle"],
  ["not registered", (tone) => tone === "off"],
];

export function WallView({ store }: { store: Store }) {
  const [filter, setFilter] = useState("");
  const [which, setWhich] = useState("all");
  const of = callsByLine(store.calls.values());
  const wanted = folded(filter);
  const fits = SHOWN.find(([name]) => name === which)?.[1] ?? (() => true);
  const lines = [...store.lines.values()].map((line) => {
    const calls = of.get(line.address) ?? NONE;
    return { line, calls, tone: lineTone(line, calls) };
  });
  const counts = new Map(SHOWN.map(([name, fit]) => [name, lines.filter(({ tone }) => fit(tone)).length]));
  const shown = lines.filter(({ line, tone }) => fits(tone) && folded(`${line.address} ${line.name}`).includes(wanted));
  return (
    <section aria-label="Lines">
      <Filter label="Find a line" value={filter} set={setFilter}>
        <div class="chips" role="group" aria-label="Which lines">
          {SHOWN.map(([name]) => (
            <button key={name} aria-pressed={which === name} onClick={() => setWhich(name)}>
              {name} <span class="count">{counts.get(name)}</span>
            </button>
          ))}
        </div>
      </Filter>
      {shown.length === 0 ? <Nothing>No line is like that.</Nothing> : null}
      <ul class="wall">
        {shown.map(({ line, calls, tone }) => (
          <Tile key={line.address} line={line} calls={calls} tone={tone} />
        ))}
      </ul>
    </section>
  );
}

const NONE: readonly Call[] = [];

/** The calls of each line that are not over. */
export function callsByLine(calls: Iterable<Call>): Map<string, Call[]> {
  const of = new Map<string, Call[]>();
  for (const call of calls) {
    if (isOver(call)) continue;
    const list = of.get(call.line);
    if (list === undefined) of.set(call.line, [call]);
    else list.push(call);
  }
  return of;
}

interface TileProps {
  line: Line;
  calls: readonly Call[];
  tone: Tone;
}

const sameCalls = (a: readonly Call[], b: readonly Call[]): boolean => a.length === b.length && a.every((call, at) => call === b[at]);

/** Drawn anew only when something of it has changed: there may be a thousand. */
const Tile = memo(
  ({ line, calls, tone }: TileProps) => (
    <li class={`tile ${tone}`} data-line={line.address}>
      <a class="name" href={lineHref(line.address)}>
        <strong>{line.address}</strong>
        {line.name === "" || line.name === line.address ? null : <span>{line.name}</span>}
      </a>
      <span class="how">
        {lineText(line, tone)}
        {line.messages.waiting ? <span title="messages are waiting"> ✉ {line.messages.new || ""}</span> : null}
        {line.forwarding.length > 0 && !line.do_not_disturb ? <span title="calls are forwarded"> ⤳ {line.forwarding[0]?.destination}</span> : null}
      </span>
      {calls.slice(0, CALLS_SHOWN).map((call) => (
        <span key={call.id} class="with">
          <Far call={call} /> <State call={call} />
        </span>
      ))}
      {calls.length > CALLS_SHOWN ? <span class="quiet">and {calls.length - CALLS_SHOWN} more</span> : null}
    </li>
  ),
  (before, after) => before.line === after.line && before.tone === after.tone && sameCalls(before.calls, after.calls),
);

/** A trunk may have hundreds. */
const CALLS_SHOWN = 4;
