// The tail of the daemon's log, by level and by text.

import { useEffect, useMemo, useState } from "preact/hooks";
import { LEVELS, type Level, LogFeed, type LogLine, type LogSocket, fits } from "../log.ts";
import type { Store } from "../store.ts";
import { Filter, Nothing } from "./parts.tsx";

const SHOWN_MAX = 500;

export function LogView({ store }: { store: Store }) {
  const [filter, setFilter] = useState("");
  const [level, setLevel] = useState<Level>("info");
  const [held, setHeld] = useState<readonly LogLine[] | null>(null);
  const [feed, setFeed] = useState<{ lines: readonly LogLine[]; isLive: boolean }>({ lines: [], isLive: false });
  useEffect(() => {
    const following = new LogFeed(
      (after) => new WebSocket(store.api.socket("/v1/log", { level, after: String(after) })) as unknown as LogSocket,
      () => setFeed({ lines: following.lines, isLive: following.isLive }),
      (ms, what) => {
        const timer = window.setTimeout(what, ms);
        return () => clearTimeout(timer);
      },
    );
    setFeed({ lines: [], isLive: false });
    setHeld(null);
    return () => following.stop();
  }, [store, level]);
  const lines = held ?? feed.lines;
  const shown = useMemo(() => lines.filter((line) => fits(line, filter)).slice(-SHOWN_MAX).reverse(), [lines, filter]);
  if (store.self?.operator !== true) return <Nothing>Only who opens every line as owner may read the log.</Nothing>;
  return (
    <section aria-label="Log">
      <Filter label="Filter: registration, 10.0.0.5 …" value={filter} set={setFilter}>
        <label class="inline">
          At least
          <select name="level" value={level} onChange={(event) => setLevel(event.currentTarget.value as Level)}>
            {LEVELS.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </label>
        <button aria-pressed={held !== null} onClick={() => setHeld(held === null ? feed.lines : null)}>
          {held === null ? "Pause" : "Go on"}
        </button>
        <span class={`link ${feed.isLive ? "live" : "lost"}`}>{feed.isLive ? "as it is written" : "connecting…"}</span>
      </Filter>
      {shown.length === 0 ? <Nothing>{lines.length === 0 ? "Nothing was logged yet." : "No line is like that."}</Nothing> : null}
      <ol class="log" aria-label="Lines of the log, the newest first">
        {shown.map((line) => (
          <li key={line.number} class={line.level} data-level={line.level}>
            <time dateTime={line.at}>{new Date(line.at).toLocaleTimeString(undefined, { hour12: false })}</time> <b>{line.level}</b>{" "}
            <span class="quiet">{line.target.replace(/^trunkline::/, "")}</span> {line.text}
            {line.lost === undefined ? null : <em> ({line.lost} lines before it were lost)</em>}
          </li>
        ))}
      </ol>
    </section>
  );
}
