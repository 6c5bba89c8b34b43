// The configuration is read again: what was loaded, or what is wrong with it, and where.

import { useState } from "preact/hooks";
import { Refused } from "../api.ts";
import type { Store } from "../store.ts";
import type { Problem } from "../types.ts";
import { Nothing, Table } from "./parts.tsx";

interface Loaded {
  file?: string;
  lines: number;
  trunks: number;
  routes: number;
  apps: number;
}

type Result = { loaded: Loaded } | { problem: Problem };

export function ConfigurationView({ store }: { store: Store }) {
  const [result, setResult] = useState<Result | null>(null);
  const [isBusy, setBusy] = useState(false);
  const reload = async (): Promise<void> => {
    setBusy(true);
    try {
      setResult({ loaded: await store.api.post<Loaded>("/v1/reload", {}) });
      store.refresh();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setResult({ problem: error.problem });
    } finally {
      setBusy(false);
    }
  };
  if (store.self?.operator !== true) return <Nothing>Only who opens every line as owner may have the configuration read again.</Nothing>;
  return (
    <section aria-label="Configuration">
      <p>
        The file is checked as a whole. Where anything in it is wrong, or only a restart could change it, nothing is changed. Calls and
        registrations stay.
      </p>
      <p>
        <button class="primary" data-operation="reload" disabled={isBusy} onClick={() => void reload()}>
          Check and reload
        </button>
      </p>
      <div role="status">{result === null ? null : <Shown result={result} />}</div>
    </section>
  );
}

function Shown({ result }: { result: Result }) {
  if ("loaded" in result) {
    const { file, lines, trunks, routes, apps } = result.loaded;
    return (
      <p class="good">
        Loaded {file ?? "the built-in default"}: {lines} lines, {trunks} trunks, {routes} routes, {apps} applications.
      </p>
    );
  }
  const { problem } = result;
  const errors = problem.errors ?? [];
  if (errors.length === 0) return <p class="bad">{problem.detail}</p>;
  return (
    <>
      <p class="bad">Nothing was changed. {problem.status === 409 ? "Only a restart can change this:" : "This is wrong:"}</p>
      <Table
        label="Mistakes"
        heads={["Where", "Key", "Wrong", "Right"]}
        rows={errors.map((one) => ({
          key: `${one.file}:${one.line}:${one.key}:${one.wrong}`,
          cells: [<code>{one.line === 0 ? one.file : `${one.file}:${one.line}`}</code>, <code>{one.key}</code>, one.wrong, one.right],
        }))}
      />
    </>
  );
}
