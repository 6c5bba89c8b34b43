// The ladder of a call: from what /v1/calls/{call}/trace tells to columns, rows and texts.

/** One entry of a trace. */
export type Entry =
  | { kind: "sip"; at: string; from: string; to: string; transport: string; call_id: string; summary: string; text: string }
  | { kind: "state"; at: string; call: string; line: string; state: string; state_mode?: string | null }
  | { kind: "media"; at: string; call: string; line: string; change: string; detail: string }
  | { kind: "operation"; at: string; app: string; operation: string; call?: string | null; line?: string | null; outcome: string };

/** What is drawn of an entry. */
export interface Row {
  entry: Entry;
  /** Seconds since the first entry. */
  offset: number;
  label: string;
  /** Columns of a message, from and to; of anything else none: it stands beside. */
  from: number | null;
  to: number | null;
  tone: "request" | "good" | "bad" | "waiting" | "state" | "media" | "operation";
}

export interface Ladder {
  /** Addresses, the engine among them as [`ENGINE`]. */
  columns: string[];
  rows: Row[];
}

export const ENGINE = "Trunkline";
/** Of a long trace the last ones are drawn. */
export const ROWS_MAX = 500;

type Message = Extract<Entry, { kind: "sip" }>;
const isMessage = (entry: Entry): entry is Message => entry.kind === "sip";

/** The ladder of these entries, in the order of time. */
export function ladder(entries: readonly Entry[]): Ladder {
  const sorted = entries.map((entry, order) => ({ entry, order, time: micros(entry.at) })).sort((a, b) => a.time - b.time || a.order - b.order);
  const engine = engineAddresses(entries);
  const others: string[] = [];
  for (const { entry } of sorted) {
    if (!isMessage(entry)) continue;
    for (const address of [entry.from, entry.to]) if (!engine.has(address) && !others.includes(address)) others.push(address);
  }
  const left = Math.max(1, Math.floor(others.length / 2));
  const columns = others.length === 0 && engine.size === 0 ? [] : [...others.slice(0, left), ENGINE, ...others.slice(left)];
  const column = (address: string): number => columns.indexOf(engine.has(address) ? ENGINE : address);
  const first = sorted[0]?.time ?? 0;
  const rows = sorted.slice(-ROWS_MAX).map(({ entry, time }): Row => {
    const offset = (time - first) / 1_000_000;
    if (!isMessage(entry)) return { entry, offset, label: noteText(entry), from: null, to: null, tone: entry.kind };
    return { entry, offset, label: messageText(entry), from: column(entry.from), to: column(entry.to), tone: tone(entry.summary) };
  });
  return { columns, rows };
}

/** RFC 3339 in microseconds: a Date would lose three digits of them. */
export function micros(at: string): number {
  const fraction = /\.(\d+)/.exec(at)?.[1] ?? "";
  const whole = Date.parse(at.replace(/\.\d+/, ""));
  return whole * 1_000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}

/** Our own addresses: who sends messages that say so; what speaks with them is not ours; where nothing says so, who speaks most. */
export function engineAddresses(entries: readonly Entry[]): Set<string> {
  const messages = entries.filter(isMessage);
  const own = new Set(messages.filter((entry) => /^(user-agent|server):\s*trunkline\b/im.test(entry.text)).map((entry) => entry.from));
  const foreign = new Set<string>();
  for (const { from, to } of messages) {
    if (own.has(from)) foreign.add(to);
    if (own.has(to)) foreign.add(from);
  }
  for (const address of foreign) own.delete(address);
  for (let round = 0; round < messages.length; round += 1) {
    const before = own.size + foreign.size;
    for (const { from, to } of messages) {
      if (foreign.has(from) && !foreign.has(to)) own.add(to);
      if (foreign.has(to) && !foreign.has(from)) own.add(from);
      if (own.has(from) && !own.has(to)) foreign.add(to);
      if (own.has(to) && !own.has(from)) foreign.add(from);
    }
    if (own.size + foreign.size === before) break;
  }
  if (own.size > 0 || messages.length === 0) return own;
  const counts = new Map<string, number>();
  for (const { from, to } of messages) for (const address of [from, to]) counts.set(address, (counts.get(address) ?? 0) + 1);
  const [most] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? [""];
  return new Set([most]);
}

/** `INVITE 1002, SDP sendonly`, `200 OK (INVITE)`. */
function messageText(entry: Message): string {
  const method = /^cseq:\s*\d+\s+(\w+)/im.exec(entry.text)?.[1] ?? "";
  const response = /^(?:SIP\/2\.0 )?(\d{3})\b\s*(.*)$/.exec(entry.summary);
  const request = /^(\w+)\s+(?:sips?:)?([^@;\s]+)/.exec(entry.summary);
  const line =
    response !== null ? `${response[1]} ${response[2]}${method === "" ? "" : ` (${method})`}` : request !== null ? `${request[1]} ${short(request[2] ?? "")}` : entry.summary;
  const media = mediaText(entry.text);
  return media === "" ? line : `${line}, ${media}`;
}

/** Contacts of phones may have long user parts; whose they are is how they begin. */
const short = (user: string): string => (user.length > 12 ? `${user.slice(0, 11)}…` : user);

/** What a message says of media: direction and first codec of its audio. */
export function mediaText(text: string): string {
  const body = text.split(/\r?\n\r?\n/).slice(1).join("\n");
  const audio = /^m=audio (\d+) \S+ (\d+)/m.exec(body);
  if (audio === null) return "";
  if (audio[1] === "0") return "SDP without audio";
  const direction = /^a=(sendrecv|sendonly|recvonly|inactive)/m.exec(body)?.[1] ?? "sendrecv";
  const mapped = new RegExp(`^a=rtpmap:${audio[2]} ([^/\\s]+)`, "m").exec(body)?.[1];
  const codec = mapped ?? { "0": "PCMU", "8": "PCMA", "9": "G722" }[audio[2] ?? ""] ?? "";
  return `SDP ${direction}${codec === "" ? "" : ` ${codec}`}`;
}

function tone(summary: string): Row["tone"] {
  const status = Number(/^(?:SIP\/2\.0 )?(\d{3})\b/.exec(summary)?.[1] ?? 0);
  if (status === 0) return "request";
  return status < 200 ? "waiting" : status < 300 ? "good" : "bad";
}

function noteText(entry: Exclude<Entry, Message>): string {
  if (entry.kind === "state") return `${entry.line} ${entry.call}: ${entry.state}${entry.state_mode ? ` (${entry.state_mode})` : ""}`;
  if (entry.kind === "media") return `${entry.line} ${entry.call} ${mediaWords(entry.change, entry.detail)}`;
  const target = entry.call ?? entry.line ?? "";
  return `${entry.app}: ${entry.operation} ${target}${entry.outcome === "ok" ? "" : ` – ${entry.outcome}`}`;
}

/** `hears music`, `media sendrecv PCMU at 10.0.0.5:4000`. */
function mediaWords(change: string, detail: string): string {
  if (change === "hears") return `hears ${detail}`;
  if (change === "path") return `forwarded by ${detail === "kernel" ? "the kernel" : "the process"}`;
  return change === "taps" ? detail : `media ${detail}`;
}

/** What tells an entry from others, also where it was read anew. */
export const entryKey = (entry: Entry): string => `${entry.at} ${entry.kind} ${isMessage(entry) ? `${entry.from} ${entry.summary}` : noteText(entry)}`;

/** The ladder as text: a line for each entry, the messages behind. */
export function toText({ columns, rows }: Ladder): string {
  const lines = rows.map(({ entry, offset, label, from, to }) => {
    const time = offset.toFixed(6).padStart(11);
    if (from === null || to === null) return `${time}  * ${label}`;
    const [a, b] = [columns[from] ?? "", columns[to] ?? ""];
    return `${time}  ${a} -> ${b}  ${isMessage(entry) ? entry.transport : ""}  ${label}`;
  });
  const messages = rows.flatMap(({ entry, offset }) => (isMessage(entry) ? [`---- ${offset.toFixed(6)} ${entry.from} -> ${entry.to}\n${entry.text.replace(/\r/g, "")}`] : []));
  return [...lines, "", ...messages, ""].join("\n");
}

/** The ladder as a sequence diagram of Mermaid. */
export function toMermaid({ columns, rows }: Ladder): string {
  // What would end a statement or begin an entity.
  const safe = (text: string): string => text.replace(/[;#:\r\n<>]/g, " ").trim();
  const middle = Math.max(0, columns.indexOf(ENGINE));
  return [
    "sequenceDiagram",
    ...columns.map((name, at) => `  participant p${at} as ${name.replace(/[;#\r\n<>]/g, " ")}`),
    ...rows
      .filter(() => columns.length > 0)
      .map(({ label, from, to, tone }) =>
        from === null || to === null ? `  Note over p${middle}: ${safe(label)}` : `  p${from}${tone === "request" ? "->>" : "-->>"}p${to}: ${safe(label)}`,
      ),
    "",
  ].join("\n");
}
