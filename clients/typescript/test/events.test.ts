// The stream over connections that break: with a server whose events are known, and which may forget, refuse and hurry.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { WebSocketServer, type WebSocket } from "ws";
import { EventStream, WAITING_MAX, type Event } from "trunkline-client";

/** Sends the events from `after` on; ends each connection as `cut` says. */
class Engine {
  readonly asked: (string | null)[] = [];
  readonly tokens: (string | undefined)[] = [];
  sockets: WebSocket[] = [];
  refusal: number | undefined;
  last = 0;

  private constructor(private readonly http: Server) {
    const server = new WebSocketServer({ noServer: true });
    http.on("upgrade", (request, socket, head) => {
      this.tokens.push(request.headers.authorization);
      if (this.refusal !== undefined) {
        socket.end(`HTTP/1.1 ${this.refusal} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
        return;
      }
      server.handleUpgrade(request, socket, head, (webSocket) => {
        const after = new URL(request.url!, "http://engine").searchParams.get("after");
        this.asked.push(after);
        this.sockets.push(webSocket);
        webSocket.on("close", () => (this.sockets = this.sockets.filter((other) => other !== webSocket)));
        for (let seq = after === null ? this.last + 1 : Number(after) + 1; seq <= this.last; seq++) webSocket.send(text(seq));
      });
    });
  }

  static async start(): Promise<Engine> {
    const http = createServer();
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    return new Engine(http);
  }

  get daemon() {
    return { url: `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`, token: "a-token" };
  }

  tell(count: number): void {
    for (let told = 0; told < count; told++) {
      this.last++;
      for (const socket of this.sockets) socket.send(text(this.last));
    }
  }

  /** As a cable that is pulled. */
  cut(): void {
    for (const socket of this.sockets) socket.terminate();
  }

  stop(): void {
    this.cut();
    this.http.close();
  }
}

let engine: Engine;
afterEach(() => engine.stop());

test("fifty cuts lose nothing and double nothing", async () => {
  engine = await Engine.start();
  const events = await EventStream.open(engine.daemon, { after: 0 });
  const seen: number[] = [];
  engine.tell(3);
  for await (const event of events) {
    seen.push(event.seq);
    if (event.seq === 300) break;
    if (event.seq % 6 === 0 && event.seq === engine.last) engine.cut();
    if (event.seq === engine.last) engine.tell(3);
  }
  assert.deepEqual(seen, Array.from({ length: 300 }, (_, index) => index + 1));
  assert.ok(engine.asked.length >= 50, `${engine.asked.length} connections`);
  assert.deepEqual(new Set(engine.tokens), new Set(["Bearer a-token"]));
  assert.equal(events.seq, 300);
});

test("who had no event yet is told that some may be lost", async () => {
  engine = await Engine.start();
  const events = await EventStream.open(engine.daemon);
  const first = events.next();
  engine.cut();
  assert.deepEqual((await first).value, { type: "lost", seq: 0, from: 0, to: 0 });
  engine.tell(1);
  assert.equal((await events.next()).value.seq, 1);
  assert.deepEqual(engine.asked, [null, null]);
  events.close();
});

test("a slow reader keeps no more than he may and has all in the end", async () => {
  engine = await Engine.start();
  const events = await EventStream.open(engine.daemon, { after: 0 });
  const count = 3 * WAITING_MAX + 7;
  engine.tell(count);
  const waiting = () => (events as unknown as { waiting: Event[] }).waiting.length;
  while (engine.sockets.length > 0) await new Promise(setImmediate);
  assert.equal(waiting(), WAITING_MAX);
  for (let seq = 1; seq <= count; seq++) {
    assert.equal((await events.next()).value.seq, seq);
    assert.ok(waiting() <= WAITING_MAX);
  }
  events.close();
});

test("a refusal ends the stream, a daemon that is full does not", async () => {
  engine = await Engine.start();
  engine.refusal = 401;
  await assert.rejects(EventStream.open(engine.daemon), /HTTP 401/);
  engine.refusal = undefined;
  const events = await EventStream.open(engine.daemon, { after: 0 });
  engine.refusal = 503;
  const refused = once(engine["http"], "upgrade");
  engine.cut();
  await refused;
  engine.refusal = undefined;
  engine.tell(1);
  assert.equal((await events.next()).value.seq, 1);
  engine.refusal = 401;
  engine.cut();
  await assert.rejects(events.next(), /HTTP 401/);
});

function text(seq: number): string {
  return JSON.stringify({ seq, type: "close", line: "1001" });
}
