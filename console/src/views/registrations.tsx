// Where phones are registered.

import { useState } from "preact/hooks";
import { lineHref } from "../place.ts";
import type { Store } from "../store.ts";
import type { Registration } from "../types.ts";
import { duration, folded } from "../words.ts";
import { Filter, Nothing, Table } from "./parts.tsx";

export function RegistrationsView({ store }: { store: Store }) {
  const [filter, setFilter] = useState("");
  const wanted = folded(filter);
  const shown = store.registrations.filter((one) =>
    folded([one.line, one.contact, one.remote, one.transport, one.user_agent].join(" ")).includes(wanted),
  );
  return (
    <section aria-label="Registrations">
      <Filter label="Find a phone" value={filter} set={setFilter} />
      <RegistrationTable registrations={shown} />
    </section>
  );
}

export function RegistrationTable({ registrations }: { registrations: readonly Registration[] }) {
  if (registrations.length === 0) return <Nothing>No phone is registered here.</Nothing>;
  return (
    <Table
      label="Registrations"
      heads={["Line", "Contact", "From", "Phone", "Ends in"]}
      rows={registrations.map((one) => ({
        key: `${one.line} ${one.contact} ${one.remote}`,
        cells: [
          <a href={lineHref(one.line)}>{one.line}</a>,
          <code>{one.contact}</code>,
          `${one.transport} ${one.remote}`,
          one.user_agent,
          duration(one.expires_s),
        ],
      }))}
    />
  );
}
