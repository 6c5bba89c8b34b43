// The trace of a call as it happens: by the live socket, and read again every little while where that is not to be had.
//
//   WS /v1/trace?call= ── closed ──▶ GET /v1/calls/{call}/trace, some times ──▶ WS …

import type { Entry } from "./ladder.ts";

/** What of a WebSocket is used. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  close(): void;
}

/** What the following needs of its surroundings. */
export interface Means {
  connect: () => Socket;
  /** `null`: there is no such trace. */
  read: () => Promise<readonly Entry[] | null>;
  tell: (entries: readonly Entry[], how: "live" | "polled") => void;
  /** In so many milliseconds; what it returns takes it back. */
  after: (ms: number, what: () => void) => () => void;
}

/** Between two readings. */
export const READ_EVERY_MS = 1_500;
/** Readings before the socket is tried again: places may be free by then. */
export const READS_BEFORE_SOCKET = 4;
/** What is told of a call behind its end: the last answers. */
export const LINGER_MS = 3_000;

export class Following {
  private entries: Entry[] = [];
  private socket: Socket | undefined;
  private cancel: (() => void) | undefined;
  private isDone = false;
  private reads = 0;

  constructor(private readonly means: Means, isOver: boolean) {
    if (isOver) {
      // Nothing is to come: no place is taken.
      this.reads = Number.NaN;
      void this.poll();
    } else {
      this.open();
    }
  }

  /** The call is over. */
  over(): void {
    this.reads = Number.NaN;
    this.later(LINGER_MS, () => {
      this.socket?.close();
      void this.poll();
    });
  }

  stop(): void {
    this.isDone = true;
    this.cancel?.();
    this.socket?.close();
  }

  private open(): void {
    const socket = this.means.connect();
    this.socket = socket;
    this.reads = 0;
    // It tells all that is kept first.
    socket.onopen = () => {
      this.entries = [];
    };
    socket.onmessage = (message) => {
      this.entries = [...this.entries, JSON.parse(String(message.data)) as Entry];
      this.tell(this.entries, "live");
    };
    socket.onclose = () => {
      if (this.socket === socket) this.socket = undefined;
      if (!this.isDone && !Number.isNaN(this.reads)) void this.poll();
    };
  }

  private async poll(): Promise<void> {
    let found: readonly Entry[] | null | undefined;
    try {
      found = await this.means.read();
    } catch {
      // The daemon is away, or busy: it is asked again.
    }
    if (this.isDone || this.socket !== undefined || found === null) return;
    if (found !== undefined) this.tell(found, "polled");
    if (Number.isNaN(this.reads)) return;
    this.reads += 1;
    this.later(READ_EVERY_MS, () => (this.reads < READS_BEFORE_SOCKET ? void this.poll() : this.open()));
  }

  private tell(entries: readonly Entry[], how: "live" | "polled"): void {
    if (!this.isDone) this.means.tell(entries, how);
  }

  private later(ms: number, what: () => void): void {
    this.cancel?.();
    this.cancel = this.means.after(ms, what);
  }
}
