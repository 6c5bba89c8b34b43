// The configuration is judged, or read again: what was loaded, or what is wrong with it, and where.

import { useState } from "preact/hooks";
import { Refused } from "../api.ts";
import type { Store } from "../store.ts";
import type { Mistake, Problem } from "../types.ts";
import { Nothing, Table } from "./parts.tsx";

interface Loaded {
  file?: string;
  lines: number;
  trunks: number;
  routes: number;
  apps: number;
}

/** What a reload would do. */
interface Checked {
  loaded?: Loaded;
  errors: Mistake[];
  restart: Mistake[];
  notes: string[];
}

type Result = { loaded: Loaded } | { checked: Checked } | { problem: Problem };

export function ConfigurationView({ store }: { store: Store }) {
  const [result, setResult] = useState<Result | null>(null);
  const [isBusy, setBusy] = useState(false);
  const ask = async (read: () => Promise<Result>): Promise<void> => {
    setBusy(true);
    try {
      setResult(await read());
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setResult({ problem: error.problem });
    } finally {
      setBusy(false);
    }
  };
  const check = async (): Promise<Result> => ({ checked: await store.api.post<Checked>("/v1/check-config", {}) });
  const reload = async (): Promise<Result> => {
    const loaded = await store.api.post<Loaded>("/v1/reload", {});
    store.refresh();
    return { loaded };
  };
  if (store.self?.operator !== true) return <Nothing>Only who opens every line as owner may have the configuration read again.</Nothing>;
  return (
    <section aria-label="Configuration">
      <p>
        The file is checked as a whole. Where anything in it is wrong, or only a restart could change it, nothing is changed. Calls and
        registrations stay.
      </p>
      <p class="buttons">
        <button data-operation="check-config" disabled={isBusy} onClick={() => void ask(check)}>
          Check
        </button>
        <button class="primary" data-operation="reload" disabled={isBusy} onClick={() => void ask(reload)}>
          Reload
        </button>
      </p>
      <div role="status">{result === null ? null : <Shown result={result} />}</div>
    </section>
  );
}

const counts = ({ file, lines, trunks, routes, apps }: Loaded): string =>
  `${file ?? "the built-in default"}: ${lines} lines, ${trunks} trunks, ${routes} routes, ${apps} applications.`;

function Shown({ result }: { result: Result }) {
  if ("loaded" in result) return <p class="good">Loaded {counts(result.loaded)}</p>;
  if ("checked" in result) return <Judged checked={result.checked} />;
  const { problem } = result;
  const errors = problem.errors ?? [];
  if (errors.length === 0) return <p class="bad">{problem.detail}</p>;
  return (
    <>
      <p class="bad">Nothing was changed. {problem.status === 409 ? "Only a restart can change this:" : "This is wrong:"}</p>
      <Mistakes label="Mistakes" found={errors} />
    </>
  );
}

/** What a check found. Nothing was changed by it. */
function Judged({ checked: { loaded, errors, restart, notes } }: { checked: Checked }) {
  const isGood = errors.length === 0 && restart.length === 0;
  return (
    <>
      {loaded === undefined ? null : <p class={isGood ? "good" : "quiet"}>{isGood ? `Good, a reload would take ${counts(loaded)}` : `It holds ${counts(loaded)}`}</p>}
      {errors.length === 0 ? null : (
        <>
          <p class="bad">This is wrong; a reload would change nothing:</p>
          <Mistakes label="Mistakes" found={errors} />
        </>
      )}
      {restart.length === 0 ? null : (
        <>
          <p class="bad">Only a restart can change this; a reload would change nothing:</p>
          <Mistakes label="What needs a restart" found={restart} />
        </>
      )}
      {notes.map((note) => (
        <p key={note}>Note: {note}</p>
      ))}
    </>
  );
}

function Mistakes({ label, found }: { label: string; found: readonly Mistake[] }) {
  return (
    <Table
      label={label}
      heads={["Where", "Key", "Wrong", "Right"]}
      rows={found.map((one) => ({
        key: `${one.file}:${one.line}:${one.key}:${one.wrong}`,
        cells: [<code>{one.line === 0 ? one.file : `${one.file}:${one.line}`}</code>, <code>{one.key}</code>, one.wrong, one.right],
      }))}
    />
  );
}
