// The buttons of a line or a call: one for each operation that its features allow, with a form where it asks for something.

import { useEffect, useRef, useState } from "preact/hooks";
import { type Field, type Operation, allowed, body, secondCalls } from "../operations.ts";
import type { Store } from "../store.ts";
import type { Call } from "../types.ts";
import { farText, stateText } from "../words.ts";

interface Props {
  store: Store;
  table: readonly Operation[];
  features: readonly string[];
  /** What its requests are sent to: `/v1/calls/c3`. */
  path: string;
  /** Of a call. */
  call?: Call;
  label: string;
}

export function Operations({ store, table, features, path, call, label }: Props) {
  const [open, setOpen] = useState<string | null>(null);
  const [hasMore, setMore] = useState(false);
  const [busy, setBusy] = useState<string | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const all = allowed(table, features);
  const shown = all.filter((operation) => hasMore || operation.rare !== true || operation.name === open);
  const asked = all.find((operation) => operation.name === open);
  if (all.length === 0) return null;

  const send = async (operation: Operation, filled: Record<string, string>): Promise<void> => {
    setBusy(operation.name);
    setOpen(null);
    await store.operate(`${path}/${operation.name}`, body(operation, filled), `${operation.label} ${label}`);
    setBusy(null);
  };
  return (
    <div class="operations" ref={box}>
      <div class="buttons" role="group" aria-label={`Operations of ${label}`}>
        {shown.map((operation) => (
          <button
            key={operation.name}
            type="button"
            data-operation={operation.name}
            class={operation.danger === true ? "danger" : undefined}
            aria-expanded={operation.fields.length > 0 ? open === operation.name : undefined}
            disabled={busy === operation.name}
            title={operation.name}
            onClick={() => {
              if (operation.fields.length === 0) void send(operation, {});
              else setOpen(open === operation.name ? null : operation.name);
            }}
          >
            {operation.label}
            {operation.fields.length > 0 ? "…" : ""}
          </button>
        ))}
        {all.some((operation) => operation.rare === true) ? (
          <button type="button" class="plain" data-more aria-expanded={hasMore} onClick={() => setMore(!hasMore)}>
            {hasMore ? "Less" : "More"}
          </button>
        ) : null}
      </div>
      {asked === undefined ? null : (
        <OperationForm
          key={asked.name}
          store={store}
          operation={asked}
          {...(call === undefined ? {} : { call })}
          send={(filled) => void send(asked, filled)}
          cancel={() => {
            setOpen(null);
            // Back to where the keyboard came from.
            box.current?.querySelector<HTMLElement>(`[data-operation="${asked.name}"]`)?.focus();
          }}
        />
      )}
    </div>
  );
}

interface FormProps {
  store: Store;
  operation: Operation;
  call?: Call;
  send: (filled: Record<string, string>) => void;
  cancel: () => void;
}

function OperationForm({ store, operation, call, send, cancel }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  const options = (field: Field): [string, string][] => {
    switch (field.kind) {
      case "choice":
        return (field.choices ?? []).map((choice) => [choice, choice]);
      case "call":
        return call === undefined
          ? []
          : secondCalls(call, store.calls.values()).map((other) => [
              other.id,
              `${other.id}: ${farText(other)}, ${stateText(other.state)}`,
            ]);
      case "fork":
        return [["", "all"], ...(call?.forks ?? []).map((fork): [string, string] => [fork.fork, `${fork.fork}: ${fork.url}`])];
      default:
        return [];
    }
  };
  const [filled, setFilled] = useState<Record<string, string>>(() =>
    Object.fromEntries(operation.fields.map((field) => [field.name, field.value ?? options(field)[0]?.[0] ?? ""])),
  );
  useEffect(() => form.current?.querySelector<HTMLElement>("input, select")?.focus(), []);
  const fill = (name: string, value: string): void => setFilled({ ...filled, [name]: value });
  return (
    <form
      ref={form}
      class="operation"
      data-form={operation.name}
      aria-label={operation.label}
      onSubmit={(event) => {
        event.preventDefault();
        send(filled);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") cancel();
      }}
    >
      {operation.fields.map((field) => (
        <label key={field.name} class={field.kind === "flag" ? "flag" : undefined}>
          <span>{field.label}</span>
          {field.kind === "choice" || field.kind === "call" || field.kind === "fork" ? (
            <select name={field.name} required={field.required} value={filled[field.name]} onChange={(event) => fill(field.name, event.currentTarget.value)}>
              {options(field).map(([value, text]) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          ) : field.kind === "flag" ? (
            <input name={field.name} type="checkbox" onChange={(event) => fill(field.name, String(event.currentTarget.checked))} />
          ) : field.kind === "secret" ? (
            <input name={field.name} type="password" autocomplete="off" value={filled[field.name]} onInput={(event) => fill(field.name, event.currentTarget.value)} />
          ) : (
            <input
              name={field.name}
              type="text"
              inputMode={field.kind === "number" ? "numeric" : "text"}
              pattern={field.kind === "number" ? "[0-9]*" : undefined}
              autocomplete="off"
              maxLength={256}
              required={field.required}
              placeholder={field.placeholder}
              value={filled[field.name]}
              onInput={(event) => fill(field.name, event.currentTarget.value)}
            />
          )}
        </label>
      ))}
      <div class="buttons">
        <button class={operation.danger === true ? "danger" : "primary"}>{operation.label}</button>
        <button type="button" class="plain" onClick={cancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}
