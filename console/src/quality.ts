// Figures of a call over time, and the curves that they are drawn as.

import type { Direction, Media } from "./types.ts";

/** What was measured at one moment, of what came from the station. */
export interface Sample {
  at: number;
  mos: number | null;
  loss_percent: number | null;
  jitter_ms: number | null;
}

/** Samples that are kept of a call: an hour at one in five seconds. */
export const SAMPLES_MAX = 720;
/** No closer than this. */
const APART_MS = 2_000;

const worse = (a: number | null, b: number | null, pick: (a: number, b: number) => number): number | null =>
  a === null ? b : b === null ? a : pick(a, b);

/** The samples with one more: the worst of these media, in both directions. Without any, nothing is known. */
export function sample(before: readonly Sample[], media: readonly Media[], at: number): Sample[] {
  const last = before.at(-1);
  if (last !== undefined && at - last.at < APART_MS) return [...before];
  const of = (field: keyof Direction, pick: (a: number, b: number) => number): number | null =>
    media.flatMap((one) => [one.received[field], one.sent[field]]).reduce((a, b) => worse(a, b, pick), null);
  const one = { at, mos: of("mos", Math.min), loss_percent: of("loss_percent", Math.max), jitter_ms: of("jitter_ms", Math.max) };
  return [...before, one].slice(-SAMPLES_MAX);
}

/** The path of a curve in a box of this size; gaps where nothing is known. `most` is the value at the top. */
export function curve(samples: readonly Sample[], field: Exclude<keyof Sample, "at">, width: number, height: number, most: number): string {
  const first = samples[0]?.at ?? 0;
  const span = Math.max(1, (samples.at(-1)?.at ?? 0) - first);
  let isDown = false;
  const parts: string[] = [];
  for (const one of samples) {
    const value = one[field];
    if (value === null) {
      isDown = false;
      continue;
    }
    const x = ((one.at - first) / span) * width;
    const y = height - (Math.min(Math.max(value, 0), most) / most) * height;
    parts.push(`${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`);
    isDown = true;
  }
  return parts.join("");
}
