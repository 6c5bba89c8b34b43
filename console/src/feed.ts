// What is to be read anew after an event, and how often that may be.

import type { Call, ServerEvent } from "./types.ts";

/** What is out of date. */
export interface Stale {
  calls: Set<string>;
  lines: Set<string>;
  registrations: boolean;
  trunks: boolean;
  parked: boolean;
  apps: boolean;
  /** Every line: what waits at one may be fetched to any other. */
  allLines: boolean;
  /** Everything: events were lost. */
  all: boolean;
}

export const fresh = (): Stale => ({
  calls: new Set(),
  lines: new Set(),
  registrations: false,
  trunks: false,
  parked: false,
  apps: false,
  allLines: false,
  all: false,
});

export const isFresh = (stale: Stale): boolean =>
  stale.calls.size === 0 &&
  stale.lines.size === 0 &&
  !(stale.registrations || stale.trunks || stale.parked || stale.apps || stale.allLines || stale.all);

/** Notes what an event puts out of date. `isTrunk` tells trunks' lines from others. */
export function note(stale: Stale, event: ServerEvent, isTrunk: (line: string) => boolean): void {
  const { call, line } = event;
  switch (event.type) {
    case "lost":
      stale.all = true;
      return;
    case "reply":
      // What its calls are told comes as events of their own.
      return;
    case "registration":
      stale.registrations = true;
      break;
    case "parked":
      stale.parked = true;
      stale.allLines = true;
      break;
    case "new-call":
    case "call-state":
      if (line !== undefined && isTrunk(line)) stale.trunks = true;
      break;
    case "digits":
    case "gather-digits":
    case "generate":
    case "monitor-media":
      return;
  }
  if (call !== undefined) stale.calls.add(call);
  if (line !== undefined) stale.lines.add(line);
}

/** Calls whose features may be others now: those related with the call of an event, and those beside it on a phone's line. */
export function beside(event: ServerEvent, calls: Iterable<Call>, isTrunk: (line: string) => boolean): string[] {
  if (event.call === undefined || (event.type !== "call-state" && event.type !== "new-call")) return [];
  const found: string[] = [];
  for (const call of calls) {
    if (call.state === "idle") continue;
    if (call.related.includes(event.call) || (call.line === event.line && !isTrunk(call.line))) found.push(call.id);
  }
  return found;
}

/** Beyond so many at once, the whole list is read. */
export const SINGLE_MAX = 12;

/** The requests that bring it up to date. */
export function reads(stale: Stale): string[] {
  const { calls, lines } = stale;
  const paths: string[] = [];
  const one = (kind: string, names: Set<string>): void => {
    if (stale.all || names.size > SINGLE_MAX) paths.push(`/v1/${kind}`);
    else for (const name of names) paths.push(`/v1/${kind}/${encodeURIComponent(name)}`);
  };
  if (stale.allLines && !stale.all) paths.push("/v1/lines");
  else one("lines", lines);
  one("calls", calls);
  if (stale.all || stale.registrations) paths.push("/v1/registrations");
  if (stale.all || stale.trunks) paths.push("/v1/trunks");
  if (stale.all || stale.parked) paths.push("/v1/parked");
  if (stale.all || stale.apps) paths.push("/v1/apps");
  return paths;
}

/** How long to rest before the next reading, by how long the last took: a daemon or a browser under load is left in peace. */
export const restMs = (tookMs: number): number => Math.min(2_000, Math.max(60, tookMs));

/** How long to wait before the n-th attempt to connect again, from 1. */
export const retryMs = (attempt: number): number => Math.min(10_000, 250 * 2 ** Math.min(attempt - 1, 6));
