import assert from "node:assert/strict";
import { test } from "node:test";
import { Following, LINGER_MS, READS_BEFORE_SOCKET, READ_EVERY_MS, type Socket } from "../src/following.ts";
import type { Entry } from "../src/ladder.ts";

const entry = (state: string): Entry => ({ kind: "state", at: "2026-11-23T05:00:00Z", call: "c1", line: "1001", state });
const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

/** A daemon and a clock in hand. */
class Stage {
  sockets: (Socket & { isClosed: boolean })[] = [];
  reads = 0;
  answer: readonly Entry[] | null | Error = [];
  told: string[] = [];
  timer: { ms: number; what: () => void } | undefined;

  follow(isOver = false): Following {
    return new Following(
      {
        connect: () => {
          const socket = { onopen: null, onmessage: null, onclose: null, isClosed: false, close(): void { this.isClosed = true; (this as Socket).onclose?.(); } };
          this.sockets.push(socket);
          return socket;
        },
        read: async () => {
          this.reads += 1;
          if (this.answer instanceof Error) throw this.answer;
          return this.answer;
        },
        tell: (entries, how) => this.told.push(`${how} ${entries.map((one) => (one.kind === "state" ? one.state : one.kind)).join(" ")}`),
        after: (ms, what) => {
          this.timer = { ms, what };
          return () => (this.timer = undefined);
        },
      },
      isOver,
    );
  }

  async pass(ms: number): Promise<void> {
    assert.equal(this.timer?.ms, ms);
    const { what } = this.timer!;
    this.timer = undefined;
    what();
    await settled();
  }

  send(state: string): void {
    this.sockets.at(-1)?.onmessage?.({ data: JSON.stringify(entry(state)) });
  }
}

test("what the socket tells is added, and nothing is read beside", async () => {
  const stage = new Stage();
  const following = stage.follow();
  stage.sockets[0]?.onopen?.();
  stage.send("dialing");
  stage.send("connected");
  await settled();
  assert.deepEqual(stage.told, ["live dialing", "live dialing connected"]);
  assert.equal(stage.reads, 0);
  following.stop();
  assert.ok(stage.sockets[0]?.isClosed);
  assert.equal(stage.timer, undefined);
});

test("without a place it is read again and again, and the place is asked for once more", async () => {
  const stage = new Stage();
  stage.answer = [entry("dialing")];
  stage.follow();
  stage.sockets[0]?.onclose?.();
  await settled();
  for (let round = 1; round < READS_BEFORE_SOCKET; round += 1) {
    if (round === 2) stage.answer = new Error("away");
    await stage.pass(READ_EVERY_MS);
    stage.answer = [entry("dialing")];
  }
  assert.equal(stage.reads, READS_BEFORE_SOCKET);
  assert.equal(stage.told.length, READS_BEFORE_SOCKET - 1);
  assert.equal(stage.sockets.length, 1);
  await stage.pass(READ_EVERY_MS);
  assert.equal(stage.sockets.length, 2);
  stage.sockets[1]?.onopen?.();
  stage.send("connected");
  assert.equal(stage.told.at(-1), "live connected");
});

test("a call that is not traced is not asked for again", async () => {
  const stage = new Stage();
  stage.answer = null;
  stage.follow();
  stage.sockets[0]?.onclose?.();
  await settled();
  assert.equal(stage.timer, undefined);
  assert.deepEqual(stage.told, []);
});

test("behind the end of a call its last answers are waited for, then the place is given back", async () => {
  const stage = new Stage();
  stage.answer = [entry("connected"), entry("idle")];
  const following = stage.follow();
  stage.sockets[0]?.onopen?.();
  stage.send("connected");
  following.over();
  assert.ok(!stage.sockets[0]?.isClosed);
  await stage.pass(LINGER_MS);
  assert.ok(stage.sockets[0]?.isClosed);
  assert.equal(stage.told.at(-1), "polled connected idle");
  assert.equal(stage.timer, undefined);
});

test("a call that is over takes no place", async () => {
  const stage = new Stage();
  stage.answer = [entry("idle")];
  stage.follow(true);
  await settled();
  assert.deepEqual([stage.sockets.length, stage.told], [0, ["polled idle"]]);
  assert.equal(stage.timer, undefined);
});
