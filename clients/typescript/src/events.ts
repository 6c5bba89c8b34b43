// The events of an application, each once, however often the connection breaks.

import { openSocket as platformSocket } from "#socket";
import type { Daemon } from "./connect.js";
import type { Event } from "./generated/index.js";

/** An event of one type: `EventOf<"call-state">`. */
export type EventOf<Type extends Event["type"]> = Extract<Event, { type: Type }>;

/** What a socket tells. */
export interface Heard {
  opened(): void;
  received(text: string): void;
  /** With the HTTP status where the daemon refused it and that can be known. */
  closed(refusal: number | undefined): void;
}

/** How a WebSocket is opened; a test or another platform has a way of its own. */
export type OpenSocket = (url: string, token: string, heard: Heard) => { close(): void };

/** Where a stream begins, and how it is carried. */
export interface EventsOptions {
  /** Behind the event with this `seq`; by default with the next event. */
  after?: number;
  openSocket?: OpenSocket;
}

/**
 * The events of the application: `for await (const event of events)`.
 *
 * When the connection breaks it is opened again behind the last event, so none is lost and none comes twice. An event of type `lost`
 * says that the daemon could not keep that promise (it was away for too long, or the daemon started again): read the state anew and go
 * on. More than {@link WAITING_MAX} events are not kept for a slow reader: they wait in the daemon.
 */
export class EventStream implements AsyncIterableIterator<Event> {
  /** The `seq` of the last event that was read: whoever ends and begins again gives it as `after`. */
  seq: number | undefined;
  private received: number | undefined;
  private waiting: Event[] = [];
  private reader: { resolve(result: IteratorResult<Event>): void; reject(error: Error): void } | undefined;
  private socket: { close(): void } | undefined;
  private again: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private ended: Error | "closed" | undefined;
  private opening: { resolve(): void; reject(error: Error): void } | undefined;
  private wasOpen = false;
  /** What still comes on a socket that was closed comes again on the next. */
  private isFull = false;

  private constructor(
    private readonly daemon: Daemon,
    private readonly openSocket: OpenSocket,
    after: number | undefined,
  ) {
    this.seq = after;
    this.received = after;
  }

  /** Opens it. What happens from then on is in it: open it first, then read the state. Fails where the daemon is not there or refuses. */
  static async open(daemon: Daemon, { after, openSocket = platformSocket }: EventsOptions = {}): Promise<EventStream> {
    const stream = new EventStream(daemon, openSocket, after);
    await new Promise<void>((resolve, reject) => {
      stream.opening = { resolve, reject };
      stream.connect();
    });
    return stream;
  }

  next(): Promise<IteratorResult<Event>> {
    const event = this.waiting.shift();
    if (event) {
      this.note(event);
      if (this.waiting.length === 0 && !this.socket && !this.again) this.connect();
      return Promise.resolve({ value: event, done: false });
    }
    if (this.ended === "closed") return Promise.resolve({ value: undefined, done: true });
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      this.reader = { resolve, reject };
    });
  }

  /** Ends it. */
  close(): void {
    this.ended ??= "closed";
    clearTimeout(this.again);
    this.socket?.close();
    this.reader?.resolve({ value: undefined, done: true });
    this.reader = undefined;
  }

  return(): Promise<IteratorResult<Event>> {
    this.close();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private connect(): void {
    this.again = undefined;
    this.isFull = false;
    const url = new URL("/v1/events", this.daemon.url);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (this.received !== undefined) url.searchParams.set("after", String(this.received));
    this.socket = this.openSocket(url.href, this.daemon.token, {
      opened: () => this.opened(),
      received: (text) => this.take(JSON.parse(text) as Event),
      closed: (refusal) => this.closed(refusal),
    });
  }

  private opened(): void {
    this.failures = 0;
    // Whoever has no number yet cannot ask for what happened meanwhile: he is told so.
    if (this.wasOpen && this.received === undefined) this.hand({ type: "lost", seq: 0, from: 0, to: 0 });
    this.wasOpen = true;
    this.opening?.resolve();
    this.opening = undefined;
  }

  private take(event: Event): void {
    if (this.ended || this.isFull) return;
    this.received = event.seq;
    this.hand(event);
    if (this.waiting.length < WAITING_MAX) return;
    this.isFull = true;
    this.socket?.close();
  }

  private hand(event: Event): void {
    const reader = this.reader;
    if (!reader) {
      this.waiting.push(event);
      return;
    }
    this.reader = undefined;
    this.note(event);
    reader.resolve({ value: event, done: false });
  }

  private note(event: Event): void {
    if (event.seq > 0) this.seq = event.seq;
  }

  private closed(refusal: number | undefined): void {
    this.socket = undefined;
    if (this.ended) return;
    const isFinal = refusal !== undefined && refusal >= 400 && refusal < 500 && refusal !== TOO_MANY_REQUESTS;
    if (this.opening || isFinal) {
      const answer = refusal === undefined ? "cannot be reached" : `answered with HTTP ${refusal}`;
      this.ended = new Error(`the event stream of ${this.daemon.url} ${answer}`);
      this.opening?.reject(this.ended);
      this.reader?.reject(this.ended);
      this.reader = undefined;
      return;
    }
    // A reader that is behind connects when he has caught up.
    if (this.waiting.length >= WAITING_MAX) return;
    const most = Math.min(REST_MAX_MS, REST_MS * 2 ** this.failures++);
    this.again = setTimeout(() => this.connect(), most * (0.5 + Math.random() / 2));
  }
}

/** Events that wait for a slow reader; then the connection is closed until he has read them. */
export const WAITING_MAX = 1_000;
const REST_MS = 100;
const REST_MAX_MS = 5_000;
const TOO_MANY_REQUESTS = 429;
