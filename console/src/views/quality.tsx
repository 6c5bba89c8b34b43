// How a call sounds: the figures, and their curves.

import { type Sample, curve } from "../quality.ts";
import type { Direction, Media } from "../types.ts";

const WIDTH = 160;
const HEIGHT = 36;
/** The curves: field, name, unit, the value at the top. */
const CURVES = [
  ["mos", "MOS", "", 4.5],
  ["loss_percent", "Loss", " %", 10],
  ["jitter_ms", "Jitter", " ms", 60],
] as const;

const figure = (value: number | null, unit: string): string => (value === null ? "–" : `${Number(value.toFixed(2))}${unit}`);

export function Quality({ media, samples, isWhole }: { media: Media; samples: readonly Sample[]; isWhole: boolean }) {
  return (
    <div class="quality">
      <span class={`grade ${media.quality ?? ""}`}>
        {media.codec ?? "no codec"}
        {media.quality === null ? "" : `, ${media.quality}`}
        {media.srtp === null ? "" : `, SRTP (${media.srtp.keys})`}
      </span>
      <Curves samples={samples} />
      {isWhole ? (
        <dl class="facts">
          <Way name="From the station" way={media.received} />
          <Way name="To the station" way={media.sent} />
          <div>
            <dt>Round trip</dt>
            <dd>{figure(media.round_trip_ms, " ms")}</dd>
          </div>
          <div>
            <dt>Forwarded by</dt>
            <dd>{media.path}</dd>
          </div>
        </dl>
      ) : null}
    </div>
  );
}

/** The curves alone. */
export function Curves({ samples }: { samples: readonly Sample[] }) {
  const last = samples.at(-1);
  return (
    <>
      {CURVES.map(([field, name, unit, most]) => (
        <figure key={field}>
          <figcaption>
            {name} <b>{figure(last?.[field] ?? null, unit)}</b>
          </figcaption>
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${name} over time`} preserveAspectRatio="none">
            <path d={curve(samples, field, WIDTH, HEIGHT, most)} />
          </svg>
        </figure>
      ))}
    </>
  );
}

function Way({ name, way }: { name: string; way: Direction }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {way.packets} packets, {way.lost ?? "–"} lost ({figure(way.loss_percent, " %")}), jitter {figure(way.jitter_ms, " ms")}, MOS{" "}
        {figure(way.mos, "")}
      </dd>
    </div>
  );
}
