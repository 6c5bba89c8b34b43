// The tail of what this application was told, with a filter.

import { useState } from "preact/hooks";
import type { Store, Told } from "../store.ts";
import type { Media } from "../types.ts";
import { folded } from "../words.ts";
import { Filter, Nothing } from "./parts.tsx";

const SHOWN_MAX = 300;

export function EventsView({ store }: { store: Store }) {
  const [filter, setFilter] = useState("");
  const [held, setHeld] = useState<readonly Told[] | null>(null);
  const wanted = folded(filter);
  const shown = (held ?? store.told)
    .filter(({ event }) => folded(JSON.stringify(event)).includes(wanted))
    .slice(-SHOWN_MAX)
    .reverse();
  return (
    <section aria-label="Events">
      <Filter label="Filter: 1001, c3, connected …" value={filter} set={setFilter}>
        <button aria-pressed={held !== null} onClick={() => setHeld(held === null ? [...store.told] : null)}>
          {held === null ? "Pause" : "Go on"}
        </button>
      </Filter>
      {shown.length === 0 ? <Nothing>Nothing was told yet.</Nothing> : null}
      <ol class="events" reversed>
        {shown.map(({ at, event }) => (
          <li key={event.seq} value={event.seq}>
            <time dateTime={at.toISOString()}>{at.toLocaleTimeString(undefined, { hour12: false })}</time> <b>{event.type}</b>{" "}
            {text(event)}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The fields of an event, without those that are shown apart. */
function text(event: Record<string, unknown>): string {
  return Object.entries(event)
    .filter(([name, value]) => name !== "seq" && name !== "type" && value !== null)
    .map(([name, value]) => {
      if (name === "media") return mediaText(value as Media);
      return `${name}=${typeof value === "object" ? JSON.stringify(value) : String(value)}`;
    })
    .join(" ");
}

/** Of the many figures the ones that tell how it was. */
const mediaText = ({ codec, received, sent }: Media): string =>
  `codec=${codec ?? "none"} packets=${received.packets}/${sent.packets} lost=${received.lost ?? "?"}/${sent.lost ?? "?"} mos=${received.mos ?? "?"}/${sent.mos ?? "?"}`;
