// Small things that several views show.

import type { ComponentChildren } from "preact";
import { callHref } from "../place.ts";
import type { Call } from "../types.ts";
import { farText, stateText, stateTone } from "../words.ts";

/** A state in its colour, and in words. */
export function State({ call }: { call: Call }) {
  return (
    <span class={`state ${stateTone(call.state)}`} data-state={call.state} title={call.state_mode ?? undefined}>
      {stateText(call.state)}
      {call.state_mode === null || call.state_mode === "active" || call.state_mode === "normal" ? null : (
        <small> {call.state_mode}</small>
      )}
    </span>
  );
}

/** Whom a call is with, as a link to it. */
export function Far({ call }: { call: Call }) {
  return <a href={callHref(call.id)}>{farText(call)}</a>;
}

/** A field to filter what is shown. */
export function Filter(props: { label: string; value: string; set: (value: string) => void; children?: ComponentChildren }) {
  return (
    <div class="filter" role="search">
      <input
        type="search"
        aria-label={props.label}
        placeholder={props.label}
        value={props.value}
        onInput={(event) => props.set(event.currentTarget.value)}
      />
      {props.children}
    </div>
  );
}

/** What is said where there is nothing. */
export const Nothing = ({ children }: { children: ComponentChildren }) => <p class="quiet nothing">{children}</p>;

/** A table that becomes a list of cards where it is narrow: each cell is told by its heading. */
export function Table(props: { label: string; heads: readonly string[]; rows: readonly { key: string; cells: ComponentChildren[] }[] }) {
  return (
    <table aria-label={props.label}>
      <thead>
        <tr>
          {props.heads.map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.rows.map((row) => (
          <tr key={row.key}>
            {row.cells.map((cell, at) => (
              <td key={props.heads[at]} data-head={props.heads[at]}>
                {cell}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
