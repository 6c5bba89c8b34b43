// The tail of the daemon's log: what is kept of it, and how it is asked for.

import { retryMs } from "./feed.ts";
import { folded } from "./words.ts";

/** A line, as GET /v1/log tells it. */
export interface LogLine {
  number: number;
  at: string;
  level: Level;
  target: string;
  text: string;
  /** How many before it came faster than they were taken. */
  lost?: number;
}

/** From what matters most on. */
export const LEVELS = ["error", "warn", "info", "debug", "trace"] as const;
export type Level = (typeof LEVELS)[number];

/** Lines that are kept: as many as the daemon keeps. */
export const LINES_MAX = 2_000;

/** The lines with more behind them. A daemon that was started anew begins again with the first. */
export function appended(before: readonly LogLine[], more: readonly LogLine[]): LogLine[] {
  const last = before.at(-1)?.number ?? 0;
  const first = more[0]?.number;
  if (first === undefined) return [...before];
  return (first <= last ? [...more] : [...before, ...more]).slice(-LINES_MAX);
}

/** Whether a line has the text in it, in capitals or not, with accents or not. */
export const fits = (line: LogLine, wanted: string): boolean => folded(`${line.level} ${line.target} ${line.text}`).includes(folded(wanted));

/** What of a WebSocket is used. */
export interface LogSocket {
  onopen: (() => void) | null;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  close(): void;
}

/** Follows the log until it is stopped: connects, and connects again. */
export class LogFeed {
  lines: LogLine[] = [];
  isLive = false;
  private waiting: LogLine[] = [];
  private socket: LogSocket | undefined;
  private cancel: (() => void) | undefined;
  private attempts = 0;
  private isStopped = false;

  constructor(
    private readonly connect: (after: number) => LogSocket,
    private readonly changed: () => void,
    /** In so many milliseconds; what it returns takes it back. */
    private readonly after: (ms: number, what: () => void) => () => void,
  ) {
    this.open();
  }

  stop(): void {
    this.isStopped = true;
    this.cancel?.();
    this.socket?.close();
  }

  private open(): void {
    const socket = this.connect(this.lines.at(-1)?.number ?? 0);
    this.socket = socket;
    socket.onopen = () => {
      this.attempts = 0;
      this.isLive = true;
      this.changed();
    };
    socket.onmessage = (message) => {
      // Many come at once: they are taken together.
      if (this.waiting.length === 0) queueMicrotask(() => this.take());
      this.waiting.push(JSON.parse(String(message.data)) as LogLine);
    };
    socket.onclose = () => {
      if (this.isStopped) return;
      this.isLive = false;
      this.attempts += 1;
      // The second time as from the beginning: a daemon that was started anew has lower numbers.
      if (this.attempts > 1) this.lines = [];
      this.changed();
      this.cancel = this.after(retryMs(this.attempts), () => this.open());
    };
  }

  private take(): void {
    this.lines = appended(this.lines, this.waiting);
    this.waiting = [];
    if (!this.isStopped) this.changed();
  }
}
