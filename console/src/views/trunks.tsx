// Trunks: whether they are up, how full they are, what failed last, and how their calls sound.

import { lineHref } from "../place.ts";
import type { Sample } from "../quality.ts";
import type { Store } from "../store.ts";
import type { Failure, Trunk } from "../types.ts";
import { duration, moment } from "../words.ts";
import { Nothing, Table } from "./parts.tsx";
import { Curves } from "./quality.tsx";

export function TrunksView({ store }: { store: Store }) {
  if (store.trunks.length === 0) return <Nothing>The configuration names no trunk.</Nothing>;
  return (
    <section aria-label="Trunks">
      {store.trunks.map((trunk) => (
        <TrunkCard key={trunk.name} trunk={trunk} samples={store.trunkQuality.get(trunk.name) ?? []} />
      ))}
    </section>
  );
}

const failureText = (failure: Failure | null): string => (failure === null ? "none" : `${failure.status} at ${moment(failure.at)}`);

function TrunkCard({ trunk, samples }: { trunk: Trunk; samples: readonly Sample[] }) {
  const registration = trunk.registration;
  return (
    <article class="call trunk" data-trunk={trunk.name} aria-label={`Trunk ${trunk.name}`}>
      <header>
        <a href={lineHref(trunk.name)}>
          <strong>{trunk.name}</strong>
        </a>
        <span class="quiet">{trunk.domain}</span>
        <span class={`state ${trunk.in_service ? "talking" : "off"}`}>{trunk.in_service ? "in service" : "out of service"}</span>
      </header>
      <label class="load">
        <span>
          {trunk.calls} of {trunk.max_calls} calls
          {trunk.calls_per_second === null ? "" : `, at most ${trunk.calls_per_second} new a second`}
        </span>
        <meter min={0} max={trunk.max_calls} high={trunk.max_calls * 0.8} optimum={0} value={trunk.calls} />
      </label>
      <div class="quality whole">
        <span class="grade">Worst of its calls</span>
        <Curves samples={samples} isWhole />
      </div>
      {registration === null ? null : (
        <p>
          {registration.registered
            ? `Registered at ${registration.peer ?? "its registrar"}, for ${duration(registration.expires_s ?? 0)} more`
            : `Not registered${registration.retry_s === null ? "" : `, tried again in ${duration(registration.retry_s)}`}`}
          {registration.last_failure === null ? "" : `; last failure ${failureText(registration.last_failure)}`}
        </p>
      )}
      {trunk.peers.length === 0 ? null : (
        <Table
          label={`Peers of ${trunk.name}`}
          heads={["Peer", "State", "Last failure"]}
          rows={trunk.peers.map((peer) => ({
            key: peer.peer,
            cells: [
              <code>{peer.peer}</code>,
              <span class={`state ${peer.state === "up" ? "talking" : peer.state === "resting" ? "held" : "off"}`}>
                {peer.state}
                {peer.rests_s === null ? "" : ` for ${duration(peer.rests_s)}`}
              </span>,
              failureText(peer.last_failure),
            ],
          }))}
        />
      )}
    </article>
  );
}
