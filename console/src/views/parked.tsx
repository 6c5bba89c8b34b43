// Calls that wait at a park address, and who may fetch them.

import { useState } from "preact/hooks";
import { segment } from "../api.ts";
import { lineHref } from "../place.ts";
import { type Store, useNow } from "../store.ts";
import type { Parked } from "../types.ts";
import { duration, partyText } from "../words.ts";
import { Nothing } from "./parts.tsx";

export function ParkedView({ store }: { store: Store }) {
  const now = useNow();
  if (store.parked.length === 0) return <Nothing>No call is parked.</Nothing>;
  return (
    <section aria-label="Parked calls">
      {store.parked.map((parked) => (
        <article key={parked.parked_at} class="call" data-slot={parked.parked_at}>
          <header>
            <strong>{parked.parked_at}</strong>
            <span>{partyText(parked.party) || "unknown"}</span>
            <span class="quiet">
              parked by <a href={lineHref(parked.line)}>{parked.line}</a> {duration((now - Date.parse(parked.since)) / 1_000)} ago
            </span>
          </header>
          <Fetch store={store} parked={parked} />
        </article>
      ))}
    </section>
  );
}

/** Fetches it to one of the lines that may. */
function Fetch({ store, parked }: { store: Store; parked: Parked }) {
  const lines = store.isWatcher ? [] : [...store.lines.values()].filter((line) => line.features.includes("unpark"));
  const [line, setLine] = useState(lines.find((one) => one.address === parked.line)?.address ?? lines[0]?.address ?? "");
  if (lines.length === 0) return null;
  const fetch = (event: Event): void => {
    event.preventDefault();
    void store.operate(`/v1/lines/${segment(line)}/unpark`, { from: parked.parked_at }, `Unpark ${parked.parked_at}`);
  };
  return (
    <form class="operation" data-form="unpark" aria-label={`Unpark ${parked.parked_at}`} onSubmit={fetch}>
      <label>
        <span>To the line</span>
        <select name="line" value={line} onChange={(event) => setLine(event.currentTarget.value)}>
          {lines.map((one) => (
            <option key={one.address} value={one.address}>
              {one.address} {one.name}
            </option>
          ))}
        </select>
      </label>
      <button class="primary">Unpark</button>
    </form>
  );
}
