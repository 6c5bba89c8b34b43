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

export type Figure = Exclude<keyof Sample, "at">;

/** How long a point is drawn, to be seen. */
const POINT = 4;

/** The path of a curve in a box of this size, from the value at its bottom to that at its top; gaps where nothing is known, and a point for what is alone. */
export function curve(samples: readonly Sample[], field: Figure, width: number, height: number, [least, most]: readonly [number, number]): string {
  const first = samples[0]?.at ?? 0;
  const span = Math.max(1, (samples.at(-1)?.at ?? 0) - first);
  const parts: string[] = [];
  samples.forEach((one, index) => {
    const value = one[field];
    if (value === null) return;
    const x = ((one.at - first) / span) * width;
    const y = height - ((Math.min(Math.max(value, least), most) - least) / (most - least)) * height;
    const isBegun = (samples[index - 1]?.[field] ?? null) !== null;
    const isAlone = !isBegun && (samples[index + 1]?.[field] ?? null) === null;
    parts.push(`${isBegun ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}${isAlone ? (x + POINT > width ? `h-${POINT}` : `h${POINT}`) : ""}`);
  });
  return parts.join("");
}

/** A figure over time in words, for who does not see its curve. */
export function curveText(samples: readonly Sample[], field: Figure, name: string, unit: string): string {
  const known = samples.map((one) => one[field]).filter((value) => value !== null);
  const last = known.at(-1);
  if (last === undefined) return `${name} over time: not known yet`;
  const text = (value: number): string => `${Number(value.toFixed(2))}${unit}`;
  return `${name} over time: ${text(last)} now, from ${text(Math.min(...known))} to ${text(Math.max(...known))} in ${known.length} measurements`;
}
