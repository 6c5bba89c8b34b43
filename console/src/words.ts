// How things are said: states, parties, times. Names of TAPI stay as they are where an operator may look them up.

import type { Call, Line, Party, Problem } from "./types.ts";

/** What colour a state has. */
export type Tone = "idle" | "ringing" | "talking" | "held" | "ended" | "off";

const STATES: Record<string, [string, Tone]> = {
  idle: ["ended", "ended"],
  offering: ["offering", "ringing"],
  accepted: ["ringing", "ringing"],
  dialtone: ["dial tone", "ringing"],
  dialing: ["dialing", "ringing"],
  ringback: ["ringback", "ringing"],
  busy: ["busy", "ended"],
  specialinfo: ["special information", "ended"],
  connected: ["connected", "talking"],
  proceeding: ["proceeding", "ringing"],
  onhold: ["on hold", "held"],
  conferenced: ["in conference", "talking"],
  onholdpendconf: ["on hold, pending conference", "held"],
  onholdpendtransfer: ["on hold, pending transfer", "held"],
  disconnected: ["disconnected", "ended"],
  unknown: ["unknown", "off"],
};

/** The words for a call state. */
export const stateText = (state: string): string => STATES[state]?.[0] ?? state;
/** Its colour. */
export const stateTone = (state: string): Tone => STATES[state]?.[1] ?? "off";

/** A party as one reads it; a blocked one is said to be so. */
export function partyText(party: Party): string {
  const known = [party.name, party.number].filter((text) => text !== "");
  const text = known.length === 2 && known[0] === known[1] ? known[0]! : known.join(" ");
  if (party.blocked) return text === "" ? "anonymous" : `${text} (hides)`;
  return text;
}

const isKnown = (party: Party): boolean => party.number !== "" || party.name !== "" || party.blocked;

/** Whom the station of a call talks with, or would. */
export function farParty(call: Call): Party {
  const isIncoming = call.origin === "internal" || call.origin === "external";
  const order = isIncoming || call.state === "offering" || call.state === "accepted"
    ? [call.connected, call.caller, call.called]
    : [call.connected, call.called, call.caller];
  const own = (party: Party): boolean => party.number === call.line || party.number === call.address;
  return order.find((party) => isKnown(party) && !own(party)) ?? order.find(isKnown) ?? call.called;
}

/** Whom a call is with, as one reads it. */
export function farText(call: Call): string {
  if (call.origin === "conference") return "conference";
  return partyText(farParty(call)) || "nobody yet";
}

/** Whether a call is over and only its handle is left. */
export const isOver = (call: Call): boolean => call.state === "idle";

/** How a line is: the state of the call that matters most. */
export function lineTone(line: Line, calls: readonly Call[]): Tone {
  const tones = calls.filter((call) => !isOver(call)).map((call) => stateTone(call.state));
  for (const tone of ["talking", "ringing", "held", "ended"] as const) if (tones.includes(tone)) return tone;
  return line.registered ? "idle" : "off";
}

/** The word for that. */
export function lineText(line: Line, tone: Tone): string {
  switch (tone) {
    case "idle":
      return line.do_not_disturb ? "do not disturb" : line.kind === "trunk" ? "free" : "idle";
    case "off":
      return line.kind === "trunk" ? "out of service" : "not registered";
    case "ringing":
      return "ringing";
    case "talking":
      return "talking";
    case "held":
      return "on hold";
    case "ended":
      return "ending";
  }
}

/** `4 s`, `3 min 07 s`, `2 h 05 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number: number): string => String(number).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** A moment of today as a clock shows it, else with its day. */
export function moment(at: string, now: Date = new Date()): string {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return at;
  const clock = time.toLocaleTimeString(undefined, { hour12: false });
  return time.toDateString() === now.toDateString() ? clock : `${time.toLocaleDateString()} ${clock}`;
}

/** Lower case without accents: what searches compare. */
export const folded = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** UTF-8 text as the API takes octets. */
export const toHex = (text: string): string =>
  [...new TextEncoder().encode(text)].map((octet) => octet.toString(16).padStart(2, "0")).join("");

/** Octets as text, where they are printable UTF-8; else as they are. */
export function fromHex(hex: string): string {
  const octets = (hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16));
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(octets));
    return /^[^\p{Cc}]*$/u.test(text) ? text : hex;
  } catch {
    return hex;
  }
}

/** Why something was refused, what to do about it, and what would be taken instead. */
export function refusalText({ detail, code, explain }: Problem): string {
  const sentence = explain?.sentence === undefined || explain.sentence === detail ? "" : ` ${explain.sentence}`;
  const allowed = explain?.allowed ?? [];
  return `${detail} (${code})${sentence}${allowed.length === 0 ? "" : ` Possible now: ${allowed.join(", ")}.`}`;
}
