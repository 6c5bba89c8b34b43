// Calls: each with its state, its parties, how it sounds, and its operations.

import { useState } from "preact/hooks";
import { CALL_OPERATIONS } from "../operations.ts";
import { callHref, lineHref } from "../place.ts";
import { type Store, useNow } from "../store.ts";
import type { Call } from "../types.ts";
import { duration, farText, folded, fromHex, isOver, moment, partyText } from "../words.ts";
import { LadderView } from "./ladder.tsx";
import { Operations } from "./operate.tsx";
import { Filter, Nothing, State } from "./parts.tsx";
import { Quality } from "./quality.tsx";

/** Beyond so many, one filters. */
const SHOWN_MAX = 200;

export function CallsView({ store, chosen }: { store: Store; chosen: string }) {
  const [filter, setFilter] = useState("");
  if (chosen !== "") return <OneCall store={store} id={chosen} />;
  const wanted = folded(filter);
  const fits = (call: Call): boolean =>
    folded([call.id, call.line, call.state, partyText(call.caller), partyText(call.called), partyText(call.connected)].join(" ")).includes(wanted);
  const all = [...store.calls.values()].filter(fits);
  const live = all.filter((call) => !isOver(call));
  const over = all.filter(isOver);
  const groups = conferences(live);
  return (
    <section aria-label="Calls">
      <Filter label="Find a call" value={filter} set={setFilter} />
      {live.length === 0 ? <Nothing>No call at this moment. Calls are made at a line.</Nothing> : null}
      {groups.map(({ conference, members }) => (
        <section key={conference.id} class="conference" aria-label={`Conference ${conference.id}`}>
          <h2>
            Conference <span class="count">{members.length}</span>
          </h2>
          <CallCard store={store} call={conference} />
          <div class="members">
            {members.map((call) => (
              <CallCard key={call.id} store={store} call={call} />
            ))}
          </div>
        </section>
      ))}
      {live
        .filter((call) => !groups.some(({ conference, members }) => conference === call || members.includes(call)))
        .slice(0, SHOWN_MAX)
        .map((call) => (
          <CallCard key={call.id} store={store} call={call} />
        ))}
      {live.length > SHOWN_MAX ? <p class="quiet">The first {SHOWN_MAX} of {live.length}: filter to see others.</p> : null}
      {over.length > 0 ? <Over store={store} calls={over} /> : null}
    </section>
  );
}

/** Conferences with their members: calls of origin conference, and what is related with them. */
export function conferences(calls: readonly Call[]): { conference: Call; members: Call[] }[] {
  return calls
    .filter((call) => call.origin === "conference")
    .map((conference) => ({ conference, members: calls.filter((call) => call !== conference && conference.related.includes(call.id)) }));
}

/** Calls that are over, whose handles this application has not freed. */
function Over({ store, calls }: { store: Store; calls: readonly Call[] }) {
  const free = calls.filter((call) => call.features.includes("deallocate-call"));
  return (
    <details class="over">
      <summary>
        Over <span class="count">{calls.length}</span>
      </summary>
      <p class="quiet">
        Handles of this application to calls that have ended.{" "}
        {free.length > 0 ? (
          <button onClick={() => free.forEach((call) => void store.operate(`/v1/calls/${call.id}/deallocate-call`, {}, `Deallocate ${call.id}`))}>
            Deallocate all
          </button>
        ) : null}
      </p>
      {calls.slice(-SHOWN_MAX).map((call) => (
        <p key={call.id}>
          <a href={callHref(call.id)}>{call.id}</a> {call.line} with {farText(call)}, {moment(call.since)}
        </p>
      ))}
    </details>
  );
}

function OneCall({ store, id }: { store: Store; id: string }) {
  const call = store.calls.get(id);
  return (
    <section aria-label={`Call ${id}`}>
      <p>
        <a href="#/calls">All calls</a>
      </p>
      {call === undefined ? <Nothing>There is no call {id} any more.</Nothing> : <CallCard store={store} call={call} isWhole />}
      <LadderView store={store} id={id} isOver={call === undefined || isOver(call)} />
    </section>
  );
}

export function CallCard({ store, call, isWhole = false }: { store: Store; call: Call; isWhole?: boolean }) {
  const now = useNow();
  return (
    <article class="call" data-call={call.id} aria-label={`Call ${call.id} of ${call.line}`}>
      <header>
        <a class="id" href={callHref(call.id)}>
          {call.id}
        </a>
        <span class="parties">
          <a href={lineHref(call.line)}>{call.line}</a>
          <span aria-hidden="true"> ↔ </span>
          <strong>{farText(call)}</strong>
        </span>
        <State call={call} />
        <span class="quiet">{duration((now - Date.parse(call.since)) / 1_000)}</span>
        <span class={`privilege ${call.privilege}`}>{call.privilege}</span>
        {call.recording === null ? null : <span class="recording">● {call.recording.state}</span>}
        {call.forks.length > 0 ? <span class="recording">{call.forks.length} forked</span> : null}
      </header>
      {call.media === null ? null : <Quality media={call.media} samples={store.quality.get(call.id) ?? []} isWhole={isWhole} />}
      <Operations store={store} table={CALL_OPERATIONS} features={call.features} path={`/v1/calls/${call.id}`} call={call} label={call.id} />
      {isWhole ? <Facts call={call} /> : null}
    </article>
  );
}

function Facts({ call }: { call: Call }) {
  const facts: [string, string][] = [
    ["Caller", partyText(call.caller)],
    ["Called", partyText(call.called)],
    ["Connected", partyText(call.connected)],
    ["Redirecting", partyText(call.redirecting)],
    ["Redirection", partyText(call.redirection)],
    ["Origin", call.origin],
    ["Reason", call.reason],
    ["State", [call.state, call.state_mode].filter((text) => text !== null).join(" / ")],
    ["Since", moment(call.since)],
    ["Media modes", call.media_modes.join(", ")],
    ["Related", call.related.join(", ")],
    ["Call data", fromHex(call.call_data)],
    ["User-user info", fromHex(call.user_user)],
    ["Recording", call.recording?.path ?? ""],
  ];
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== "")
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
