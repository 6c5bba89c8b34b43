// The state of the console: what was read, kept up to date by the event stream.
//
//   WebSocket ── event ──▶ Stale ── GET, at most one round at a time ──▶ maps ──▶ views
//
// Readings after events converge: whatever changes while one is on its way is told by an event behind it, and read again.

import { useEffect, useState } from "preact/hooks";
import { Api, Refused } from "./api.ts";
import { type Stale, beside, fresh, isFresh, note, reads, restMs, retryMs } from "./feed.ts";
import { type Sample, sample } from "./quality.ts";
import type { App, Call, Line, Media, Parked, Registration, ServerEvent, Trunk } from "./types.ts";
import { refusalText } from "./words.ts";

/** How the stream stands. */
export type Link = "connecting" | "live" | "lost";

/** An event as it came. */
export interface Told {
  at: Date;
  event: ServerEvent;
}

/** Something to tell the operator, until he waves it away. */
export interface Notice {
  id: number;
  tone: "good" | "bad";
  text: string;
}

/** Events that the log keeps. */
const TOLD_MAX = 1_000;
const NOTICES_MAX = 4;
/** What went well goes by itself. */
const NOTICE_MS = 4_000;
/** Figures of calls are measured every few seconds, trunks fail without an event. */
const POLL_MS = 5_000;
const POLLED_CALLS_MAX = 200;

export class Store {
  lines = new Map<string, Line>();
  calls = new Map<string, Call>();
  registrations: Registration[] = [];
  trunks: Trunk[] = [];
  parked: Parked[] = [];
  apps: App[] = [];
  told: Told[] = [];
  /** Of each call. */
  quality = new Map<string, Sample[]>();
  /** Of each trunk, the worst of its calls. */
  trunkQuality = new Map<string, Sample[]>();
  notices: Notice[] = [];
  link: Link = "connecting";
  isLoaded = false;
  /** A line that is looked at: what may be done with it depends on other lines, too. */
  watched: string | null = null;
  /** The last event, by which the stream is resumed. */
  seq: number | null = null;

  private readonly listeners = new Set<() => void>();
  private stale: Stale = { ...fresh(), all: true };
  private reading = false;
  private readTimer: number | undefined;
  private retryTimer: number | undefined;
  private pollTimer: number | undefined;
  private frame: number | undefined;
  private attempts = 0;
  private socket: WebSocket | undefined;
  private notice = 0;
  private isClosed = false;

  constructor(
    readonly api: Api,
    /** The token is no longer taken. */
    private readonly onWithdrawn: (why: string) => void,
  ) {}

  open(): void {
    this.connect();
    this.pollTimer = window.setInterval(() => this.poll(), POLL_MS);
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.readTimer);
    clearTimeout(this.retryTimer);
    clearInterval(this.pollTimer);
    this.socket?.close();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Asks for an operation and tells how it went; whether it was done. */
  async operate(path: string, body: unknown, what: string): Promise<Record<string, unknown> | null> {
    try {
      const done = await this.api.post<Record<string, unknown>>(path, body);
      const told = Object.entries(done).map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
      this.tell("good", told.length === 0 ? `${what}: done` : `${what}: ${told.join(", ")}`);
      return done;
    } catch (error) {
      this.failed(error, what);
      return null;
    }
  }

  tell(tone: Notice["tone"], text: string): void {
    this.notice += 1;
    const id = this.notice;
    this.notices = [...this.notices, { id, tone, text }].slice(-NOTICES_MAX);
    if (tone === "good") setTimeout(() => this.dismiss(id), NOTICE_MS);
    this.changed();
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
    this.changed();
  }

  /** Looks at a line until what is returned is called. */
  watch(line: string): () => void {
    this.watched = line;
    this.stale.lines.add(line);
    this.read();
    return () => {
      if (this.watched === line) this.watched = null;
    };
  }

  /** Reads everything anew. */
  refresh(): void {
    this.stale.all = true;
    this.read();
  }

  /** This application; none before it is read. */
  get self(): App | undefined {
    return this.apps.find((app) => app.you);
  }

  /** Whether this application only watches: TAPI would let it make calls of its own, the console does not offer them. */
  get isWatcher(): boolean {
    return this.self?.privilege !== "owner";
  }

  private failed(error: unknown, what: string): void {
    if (error instanceof Refused) {
      if (error.problem.status === 401) return this.onWithdrawn(error.problem.detail);
      this.tell("bad", `${what}: ${refusalText(error.problem)}`);
    } else {
      this.tell("bad", `${what}: ${String(error)}`);
    }
  }

  private connect(): void {
    const after: Record<string, string> = this.seq === null ? {} : { after: String(this.seq) };
    const socket = new WebSocket(this.api.socket("/v1/events", after));
    this.socket = socket;
    socket.onopen = () => {
      this.attempts = 0;
      this.link = "live";
      // Also after a resumption: the daemon may be another than before.
      this.stale.all = true;
      this.read();
      this.changed();
    };
    socket.onmessage = (message) => this.take(JSON.parse(String(message.data)) as ServerEvent);
    socket.onclose = (closed) => {
      if (this.isClosed) return;
      this.link = "lost";
      this.attempts += 1;
      this.changed();
      // A handshake that is refused tells no status; a reading does.
      if (closed.reason.includes("withdrawn") || this.attempts > 1) void this.probe();
      this.retryTimer = window.setTimeout(() => this.connect(), retryMs(this.attempts));
    };
  }

  private async probe(): Promise<void> {
    try {
      await this.api.get("/v1/parked");
    } catch (error) {
      if (error instanceof Refused && error.problem.status === 401) this.onWithdrawn(error.problem.detail);
    }
  }

  private take(event: ServerEvent): void {
    this.seq = event.seq;
    this.told.push({ at: new Date(), event });
    if (this.told.length > TOLD_MAX) this.told.splice(0, this.told.length - TOLD_MAX);
    const isTrunk = (line: string): boolean => this.lines.get(line)?.kind === "trunk";
    note(this.stale, event, isTrunk);
    for (const other of beside(event, this.calls.values(), isTrunk)) this.stale.calls.add(other);
    if (this.watched !== null && event.type === "call-state") this.stale.lines.add(this.watched);
    // The state at once; what else there is to know follows.
    const call = event.call === undefined ? undefined : this.calls.get(event.call);
    if (event.type === "call-state" && call !== undefined && typeof event["state"] === "string") {
      const mode = event["state_mode"];
      this.calls.set(call.id, { ...call, state: event["state"], state_mode: typeof mode === "string" ? mode : null });
    }
    this.changed();
    this.read();
  }

  private poll(): void {
    if (this.link !== "live" || document.hidden) return;
    this.stale.trunks = true;
    this.stale.registrations = true;
    this.stale.apps = true;
    if (this.watched !== null) this.stale.lines.add(this.watched);
    // Among more than these nobody watches the curves of one. A call that has no figures yet is asked for its first.
    const live = [...this.calls.values()].filter((call) => call.state !== "idle");
    if (live.length <= POLLED_CALLS_MAX) for (const call of live) this.stale.calls.add(call.id);
    this.read();
  }

  /** One round of reading, unless one is on its way: that is followed by another. */
  private read(): void {
    if (this.reading || this.readTimer !== undefined || this.isClosed) return;
    if (isFresh(this.stale)) return;
    this.reading = true;
    const stale = this.stale;
    const paths = reads(stale);
    this.stale = fresh();
    const began = performance.now();
    void Promise.all(paths.map((path) => this.readOne(path))).then((went) => {
      this.reading = false;
      const rest = restMs(performance.now() - began);
      if (went.includes(false)) {
        // Nothing is forgotten: what could not be read is read again.
        this.stale.all = true;
      } else {
        this.isLoaded = true;
      }
      this.changed();
      this.readTimer = window.setTimeout(() => {
        this.readTimer = undefined;
        this.read();
      }, went.includes(false) ? Math.max(rest, 1_000) : rest);
    });
  }

  private async readOne(path: string): Promise<boolean> {
    try {
      this.put(path, await this.api.get<unknown>(path));
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.problem.status === 401) {
        this.onWithdrawn(error.problem.detail);
        return true;
      }
      const [, , kind, name] = path.split("/");
      if (error.problem.status === 404 && name !== undefined) {
        if (kind === "calls") this.calls.delete(decodeURIComponent(name));
        if (kind === "lines") this.lines.delete(decodeURIComponent(name));
        return true;
      }
      return false;
    }
  }

  private put(path: string, found: unknown): void {
    const [, , kind, name] = path.split("/");
    switch (kind) {
      case "lines":
        if (name === undefined) this.lines = merged(this.lines, found as Line[], (line) => line.address);
        else this.lines.set((found as Line).address, found as Line);
        break;
      case "calls":
        if (name === undefined) this.calls = merged(this.calls, found as Call[], (call) => call.id);
        else this.calls.set((found as Call).id, found as Call);
        this.measure();
        break;
      case "registrations":
        this.registrations = found as Registration[];
        break;
      case "trunks":
        this.trunks = found as Trunk[];
        break;
      case "parked":
        this.parked = found as Parked[];
        break;
      case "apps":
        this.apps = found as App[];
        break;
    }
  }

  private measure(): void {
    for (const id of this.quality.keys()) if (!this.calls.has(id)) this.quality.delete(id);
    const now = Date.now();
    const byTrunk = new Map(this.trunks.map((trunk) => [trunk.name, [] as Media[]]));
    for (const call of this.calls.values()) {
      if (call.media === null || call.state === "idle") continue;
      this.quality.set(call.id, sample(this.quality.get(call.id) ?? [], [call.media], now));
      byTrunk.get(call.line)?.push(call.media);
    }
    for (const [name, media] of byTrunk) this.trunkQuality.set(name, sample(this.trunkQuality.get(name) ?? [], media, now));
  }

  /** Views are drawn once a frame, however many events came; by a timer where the page is hidden. */
  private changed(): void {
    if (this.frame !== undefined) return;
    const draw = (): void => {
      this.frame = undefined;
      for (const listener of this.listeners) listener();
    };
    this.frame = document.hidden ? window.setTimeout(draw, 500) : requestAnimationFrame(draw);
  }
}

/** A list as a map; what has not changed stays the same object, so that its view is not drawn anew. */
function merged<T>(before: Map<string, T>, found: readonly T[], key: (value: T) => string): Map<string, T> {
  return new Map(
    found.map((value) => {
      const old = before.get(key(value));
      const same = old !== undefined && JSON.stringify(old) === JSON.stringify(value);
      return [key(value), same ? old : value];
    }),
  );
}

/** Draws the component anew when the store has changed. */
export function useStore(store: Store): void {
  const [, draw] = useState(0);
  useEffect(() => store.subscribe(() => draw((count) => count + 1)), [store]);
}

/** The time, every second. */
export function useNow(): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
