// The applications: what each opens, with which privilege, and whether it listens.

import type { Store } from "../store.ts";
import { Nothing, Table } from "./parts.tsx";

export function AppsView({ store }: { store: Store }) {
  if (store.apps.length === 0) return <Nothing>The daemon tells of no application.</Nothing>;
  return (
    <section aria-label="Applications">
      <Table
        label="Applications"
        heads={["Application", "Privilege", "Lines", "Event streams", ""]}
        rows={store.apps.map((app) => ({
          key: app.name,
          cells: [
            <strong>{app.name}</strong>,
            <span class={`privilege ${app.privilege}`}>{app.privilege}</span>,
            app.lines.join(", ") === "*" ? "all" : app.lines.join(", "),
            app.event_streams === 0 ? "none" : String(app.event_streams),
            [app.you ? "this console" : "", app.operator ? "operator" : ""].filter((text) => text !== "").join(", "),
          ],
        }))}
      />
      {store.self?.operator === true ? null : <p class="quiet">Who opens every line as owner sees the others, too.</p>}
    </section>
  );
}
