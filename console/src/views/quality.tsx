// How a call sounds: the figures, and their curves.

import { type Sample, curve, curveText } from "../quality.ts";
import type { Direction, Media } from "../types.ts";
import { duration } from "../words.ts";

const WIDTH = 160;
const HEIGHT = 36;
/** The curves: field, name, unit, the values at the bottom and at the top. */
const CURVES = [
  ["mos", "MOS", "", [1, 4.5]],
  ["loss_percent", "Loss", " %", [0, 10]],
  ["jitter_ms", "Jitter", " ms", [0, 60]],
] as const;

const figure = (value: number | null, unit: string): string => (value === null ? "–" : `${Number(value.toFixed(2))}${unit}`);

export function Quality({ media, samples, isWhole }: { media: Media; samples: readonly Sample[]; isWhole: boolean }) {
  return (
    <div class={isWhole ? "quality whole" : "quality"}>
      <span class={`grade ${media.quality ?? ""}`}>
        {media.codec ?? "no codec"}
        {media.quality === null ? "" : `, ${media.quality}`}
        {media.srtp === null ? "" : `, SRTP (${media.srtp.keys})`}
      </span>
      <Curves samples={samples} isWhole={isWhole} />
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

/** The curves alone; as a whole with the ends of their axes. */
export function Curves({ samples, isWhole = false }: { samples: readonly Sample[]; isWhole?: boolean }) {
  const last = samples.at(-1);
  const span = (last?.at ?? 0) - (samples[0]?.at ?? 0);
  return (
    <>
      {CURVES.map(([field, name, unit, ends]) => (
        <figure key={field} data-figure={field}>
          <figcaption>
            {name} <b>{figure(last?.[field] ?? null, unit)}</b>
          </figcaption>
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={curveText(samples, field, name, unit)} preserveAspectRatio="none">
            <path d={curve(samples, field, WIDTH, HEIGHT, ends)} />
          </svg>
          {isWhole ? (
            <p class="axis" aria-hidden="true">
              <span>
                {ends[0]} to {ends[1]}
                {unit}
              </span>
              <span>{duration(span / 1_000)}</span>
            </p>
          ) : null}
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
