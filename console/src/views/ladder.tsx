// The ladder of a call as a drawing: one axis of time, a column for each address, states and operations beside.

import { useEffect, useRef, useState } from "preact/hooks";
import { Refused } from "../api.ts";
import { Following, type Socket } from "../following.ts";
import { ENGINE, type Entry, type Ladder, ROWS_MAX, type Row, entryKey, ladder, toMermaid, toText } from "../ladder.ts";
import type { Store } from "../store.ts";

const ROW = 26;
const HEAD = 34;
const TIME = 84;
const COLUMN = 260;
const NOTES = 300;
/** The sign before what stands beside: colour alone tells nobody. */
const SIGNS = { state: "◆", media: "♪", operation: "▶" } as const;

/** Shown where the daemon keeps traces; it grows while the call lasts. */
export function LadderView({ store, id, isOver }: { store: Store; id: string; isOver: boolean }) {
  const [{ entries, how }, setTold] = useState<{ entries: readonly Entry[]; how: "live" | "polled" | null }>({ entries: [], how: null });
  const [chosen, setChosen] = useState<string | null>(null);
  const drawing = useRef<SVGSVGElement>(null);
  const following = useRef<Following | null>(null);
  useEffect(() => {
    following.current = new Following(
      {
        connect: () => new WebSocket(store.api.socket("/v1/trace", { call: id })) as unknown as Socket,
        read: () => readTrace(store, id),
        tell: (told, by) => setTold({ entries: told, how: by }),
        after: (ms, what) => {
          const timer = window.setTimeout(what, ms);
          return () => clearTimeout(timer);
        },
      },
      isOver,
    );
    return () => following.current?.stop();
    // Whether it is over is told below: the trace goes on from where it is.
  }, [store, id]);
  useEffect(() => {
    if (isOver) following.current?.over();
  }, [isOver]);
  if (entries.length === 0) return null;
  const shown = ladder(entries);
  const row = chosen === null ? undefined : shown.rows.find(({ entry }) => entryKey(entry) === chosen);
  return (
    <section class="ladder" aria-label={`Ladder of ${id}`} data-how={how}>
      <h2>
        Ladder
        {isOver ? null : <span class="quiet">{how === "live" ? "as it happens" : "read every few seconds"}</span>}
        <span class="buttons">
          <button data-export="text" onClick={() => save(`${id}.txt`, "text/plain", toText(shown))}>
            Text
          </button>
          <button data-export="svg" onClick={() => drawing.current && save(`${id}.svg`, "image/svg+xml", standalone(drawing.current))}>
            SVG
          </button>
          <button data-export="mermaid" onClick={() => save(`${id}.mmd`, "text/plain", toMermaid(shown))}>
            Mermaid
          </button>
        </span>
      </h2>
      {entries.length > ROWS_MAX ? <p class="quiet">The last {ROWS_MAX} of {entries.length} entries.</p> : null}
      <div class="paper" tabIndex={0} role="region" aria-label="Drawing">
        <Drawing ladder={shown} chosen={row} choose={({ entry }) => setChosen(chosen === entryKey(entry) ? null : entryKey(entry))} element={drawing} />
      </div>
      {row === undefined ? <p class="quiet">Choose a message to read it.</p> : <Details row={row} />}
    </section>
  );
}

/** A daemon that keeps no traces has no such path. */
async function readTrace(store: Store, id: string): Promise<readonly Entry[] | null> {
  try {
    return (await store.api.get<{ entries: Entry[] }>(`/v1/calls/${encodeURIComponent(id)}/trace`)).entries;
  } catch (error) {
    if (error instanceof Refused && error.problem.status === 404) return null;
    throw error;
  }
}

interface DrawingProps {
  ladder: Ladder;
  chosen: Row | undefined;
  choose: (row: Row) => void;
  element: { current: SVGSVGElement | null };
}

function Drawing({ ladder: { columns, rows }, chosen, choose, element }: DrawingProps) {
  // One stop of the tab key for all rows; arrows go from one to the next.
  const [current, setCurrent] = useState(0);
  const move = (event: KeyboardEvent): void => {
    const last = rows.length - 1;
    const to = { ArrowDown: current + 1, ArrowUp: current - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    element.current?.querySelectorAll<SVGGElement>("[data-row]")[Math.min(Math.max(to, 0), last)]?.focus();
  };
  const x = (column: number): number => TIME + COLUMN * column + COLUMN / 2;
  const width = TIME + COLUMN * columns.length + NOTES;
  const height = HEAD + ROW * rows.length + 8;
  const beside = TIME + COLUMN * columns.length + 8;
  return (
    <svg ref={element} xmlns="http://www.w3.org/2000/svg" width={width} height={height} viewBox={`0 0 ${width} ${height}`} font-family="system-ui, sans-serif" font-size="12" role="group" aria-label="Rows, by arrow keys" onKeyDown={move}>
      {columns.map((name, at) => (
        <g key={name} class={name === ENGINE ? "engine" : "peer"}>
          <text x={x(at)} y={16} text-anchor="middle" font-weight="600">
            {name}
          </text>
          <line x1={x(at)} x2={x(at)} y1={HEAD - 10} y2={height} class="life" />
        </g>
      ))}
      {rows.map((row, at) => (
        <g
          key={at}
          class={`row ${row.tone}${chosen === row ? " chosen" : ""}`}
          data-row={row.entry.kind}
          tabIndex={at === Math.min(current, rows.length - 1) ? 0 : -1}
          onFocus={() => setCurrent(at)}
          role="button"
          aria-pressed={chosen === row}
          aria-label={rowName(row, columns, x)}
          onClick={() => choose(row)}
          onKeyDown={(event) => {
            if (event.key === "Enter" || event.key === " ") {
              event.preventDefault();
              choose(row);
            }
          }}
        >
          <rect x={0} y={HEAD + ROW * at} width={width} height={ROW} class="band" />
          <text x={TIME - 10} y={HEAD + ROW * at + 18} text-anchor="end" class="time">
            {/* The blank, for the name of the row has it. */}
            {`${row.offset.toFixed(4)} `}
          </text>
          {row.from === null || row.to === null ? (
            <text x={beside} y={HEAD + ROW * at + 18} class="note">
              {noteText(row)}
            </text>
          ) : (
            <Arrow from={x(row.from)} to={x(row.to)} y={HEAD + ROW * at + 20} label={row.label} />
          )}
        </g>
      ))}
    </svg>
  );
}

const noteText = (row: Row): string => (row.entry.kind === "sip" ? row.label : `${SIGNS[row.entry.kind]} ${row.label}`);

/** As much of a label as an arrow has room for. */
function arrowText(label: string, from: number, to: number): string {
  const room = Math.floor(Math.abs(to - from) / 6.6);
  return label.length > room ? `${label.slice(0, room - 1)}…` : label;
}

/** What a row is called by who reads it aloud: as it is written there, so that it is found by that, then what is drawn alone. */
function rowName(row: Row, columns: readonly string[], x: (column: number) => number): string {
  const time = row.offset.toFixed(4);
  if (row.from === null || row.to === null) return `${time} ${noteText(row)}`;
  const written = arrowText(row.label, x(row.from), x(row.to));
  const whole = written === row.label ? "" : `: ${row.label}`;
  return `${time} ${written}, ${columns[row.from]} to ${columns[row.to]}${whole}`;
}

function Arrow({ from, to, y, label }: { from: number; to: number; y: number; label: string }) {
  const side = to < from ? 7 : -7;
  return (
    <>
      <line x1={from} x2={to} y1={y} y2={y} class="arrow" />
      <path d={`M${to} ${y}l${side} -4v8z`} class="head" />
      <text x={(from + to) / 2} y={y - 5} text-anchor="middle">
        {arrowText(label, from, to)}
      </text>
    </>
  );
}

function Details({ row }: { row: Row }) {
  const { entry } = row;
  if (entry.kind !== "sip") return <p class="details">{`${entry.at}  ${row.label}`}</p>;
  return (
    <div class="details">
      <p class="quiet">
        {entry.at}, {entry.from} → {entry.to}, {entry.transport}
      </p>
      <pre tabIndex={0}>{entry.text}</pre>
    </div>
  );
}

/** The drawing with colours of its own, for other programs. */
function standalone(drawing: SVGSVGElement): string {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const paint = (selector: string, name: string, value: string): void => {
    for (const found of copy.querySelectorAll(selector)) found.setAttribute(name, value);
  };
  paint("text", "fill", "#16202a");
  paint(".band", "fill", "none");
  paint(".life", "stroke", "#9caab3");
  for (const [tone, colour] of Object.entries({ request: "#0b6e6e", good: "#14713a", waiting: "#8a4b00", bad: "#b3261e" })) {
    paint(`.${tone} .arrow`, "stroke", colour);
    paint(`.${tone} .head`, "fill", colour);
  }
  for (const [kind, colour] of Object.entries({ state: "#5b3fa8", media: "#14713a", operation: "#0b6e6e" })) paint(`.${kind} .note`, "fill", colour);
  return new XMLSerializer().serializeToString(copy);
}

function save(name: string, kind: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = name;
  link.click();
  // A browser under load begins late.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
