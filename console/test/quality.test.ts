import assert from "node:assert/strict";
import { test } from "node:test";
import { SAMPLES_MAX, curve, curveText, sample } from "../src/quality.ts";
import type { Direction, Media } from "../src/types.ts";

const way = (mos: number | null, loss_percent: number | null): Direction => ({ packets: 1, lost: 0, loss_percent, jitter_ms: 1, mos });
const media = (received: Direction, sent: Direction): Media => ({ codec: "PCMU", path: "user", quality: null, received, sent, round_trip_ms: null, srtp: null });

test("the worst of all calls and both directions is kept", () => {
  const [one] = sample([], [media(way(4.2, 0.5), way(3.1, null)), media(way(3.9, 2), way(null, null))], 0);
  assert.deepEqual(one, { at: 0, mos: 3.1, loss_percent: 2, jitter_ms: 1 });
  assert.deepEqual(sample([], [], 0), [{ at: 0, mos: null, loss_percent: null, jitter_ms: null }]);
});

test("samples are apart, and not more than so many", () => {
  let samples = sample([], [media(way(4, 0), way(4, 0))], 0);
  assert.equal(sample(samples, [media(way(4, 0), way(4, 0))], 100).length, 1);
  for (let at = 1; at < SAMPLES_MAX + 9; at += 1) samples = sample(samples, [media(way(4, 0), way(4, 0))], at * 5_000);
  assert.equal(samples.length, SAMPLES_MAX);
});

test("a curve has gaps where nothing is known, and stays in its box", () => {
  const samples = [1, null, 2, 9].map((mos, at) => ({ at: at * 10, mos, loss_percent: null, jitter_ms: null }));
  assert.equal(curve(samples, "mos", 30, 10, [0, 4]), "M0.0 7.5h4M20.0 5.0L30.0 0.0");
  assert.equal(curve(samples, "mos", 30, 10, [1, 5]), "M0.0 10.0h4M20.0 7.5L30.0 0.0");
  assert.equal(curve([], "mos", 30, 10, [0, 4]), "");
});

test("a curve is told in words, too", () => {
  const samples = [4.21, null, 3.5, 4].map((mos, at) => ({ at, mos, loss_percent: null, jitter_ms: null }));
  assert.equal(curveText(samples, "mos", "MOS", ""), "MOS over time: 4 now, from 3.5 to 4.21 in 3 measurements");
  assert.equal(curveText(samples, "loss_percent", "Loss", " %"), "Loss over time: not known yet");
});
