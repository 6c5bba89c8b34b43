import assert from "node:assert/strict";
import { test } from "node:test";
import { LINES_MAX, LogFeed, type LogLine, type LogSocket, appended, fits } from "../src/log.ts";

const line = (number: number, text = `line ${number}`): LogLine => ({ number, at: "2026-11-23T05:00:00.000000Z", level: "info", target: "trunkline::driver", text });
const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

test("the newest lines are kept, and a daemon that was started anew begins again", () => {
  const many = Array.from({ length: LINES_MAX }, (_, at) => line(at + 1));
  const more = appended(many, [line(LINES_MAX + 1), line(LINES_MAX + 2)]);
  assert.deepEqual([more.length, more[0]?.number, more.at(-1)?.number], [LINES_MAX, 3, LINES_MAX + 2]);
  assert.deepEqual(appended([line(7)], [line(1), line(2)]).map((one) => one.number), [1, 2]);
  assert.deepEqual(appended([line(7)], []).length, 1);
});

test("a line is found by its level, its module and its text", () => {
  const one = line(1, "Nicht registriert bei Müller");
  for (const wanted of ["", "INFO", "driver", "muller", "registriert"]) assert.ok(fits(one, wanted), wanted);
  assert.ok(!fits(one, "warn"));
});

test("it connects again behind the last line, and from the beginning where that fails, too", async () => {
  const sockets: LogSocket[] = [];
  const asked: number[] = [];
  let timer: (() => void) | undefined;
  let changes = 0;
  const feed = new LogFeed(
    (after) => {
      asked.push(after);
      const socket: LogSocket = { onopen: null, onmessage: null, onclose: null, close: () => undefined };
      sockets.push(socket);
      return socket;
    },
    () => (changes += 1),
    (_, what) => {
      timer = what;
      return () => (timer = undefined);
    },
  );
  sockets[0]?.onopen?.();
  assert.ok(feed.isLive);
  for (const number of [1, 2]) sockets[0]?.onmessage?.({ data: JSON.stringify(line(number)) });
  await settled();
  assert.deepEqual([feed.lines.length, changes], [2, 2]);
  sockets[0]?.onclose?.();
  assert.ok(!feed.isLive);
  timer?.();
  sockets[1]?.onclose?.();
  timer?.();
  assert.deepEqual(asked, [0, 2, 0]);
  sockets[2]?.onclose?.();
  feed.stop();
  assert.equal(timer, undefined);
});
