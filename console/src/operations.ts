// The operations of lines and calls: what their buttons say, what they ask for, what is sent.

import type { Call } from "./types.ts";
import { toHex } from "./words.ts";

/** One field of a form. */
export interface Field {
  name: string;
  label: string;
  /** `call`: one of the calls that fit; `hex`: text that is sent as octets; `list`: words with commas; `flag`: yes or no. */
  kind: "text" | "number" | "choice" | "call" | "fork" | "hex" | "list" | "flag" | "secret";
  choices?: readonly string[];
  required?: boolean;
  placeholder?: string;
  value?: string;
}

/** An operation that a button stands for. */
export interface Operation {
  /** As in the path. */
  name: string;
  label: string;
  fields: readonly Field[];
  /** It ends something. */
  danger?: boolean;
  /** Rarely wanted: shown behind "more". */
  rare?: boolean;
}

const MEDIA_MODES = "interactivevoice, automatedvoice, g3fax";
const to = (label: string, required: boolean): Field => ({ name: "to", label, kind: "text", required, placeholder: "1003" });
const level = (name: string, label: string, choices: readonly string[], required = true): Field => ({
  name,
  label,
  kind: "choice",
  choices,
  required,
});

/** Of calls, those that one looks for first in front. */
export const CALL_OPERATIONS: readonly Operation[] = [
  { name: "answer", label: "Answer", fields: [] },
  { name: "accept", label: "Accept", fields: [], rare: true },
  { name: "redirect", label: "Redirect", fields: [to("Redirect to", true)] },
  { name: "dial", label: "Dial", fields: [{ name: "digits", label: "Number", kind: "text", required: true, placeholder: "1003" }] },
  { name: "hold", label: "Hold", fields: [] },
  { name: "unhold", label: "Unhold", fields: [] },
  { name: "swap-hold", label: "Swap", fields: [{ name: "with", label: "Held call", kind: "call", required: true }] },
  { name: "blind-transfer", label: "Transfer", fields: [to("Transfer to", true)] },
  { name: "setup-transfer", label: "Consult", fields: [to("Consult with (empty: dial tone)", false)] },
  {
    name: "complete-transfer",
    label: "Complete transfer",
    fields: [
      { name: "consult", label: "Consultation call", kind: "call", required: true },
      level("mode", "As", ["transfer", "conference"]),
    ],
  },
  {
    name: "park",
    label: "Park",
    fields: [
      level("mode", "Where", ["nondirected", "directed"]),
      { name: "to", label: "Slot, if directed", kind: "text", placeholder: "701" },
    ],
  },
  { name: "setup-conference", label: "Conference", fields: [to("With (empty: dial tone)", false)] },
  { name: "prepare-add-to-conference", label: "Add party", fields: [to("Call (empty: dial tone)", false)] },
  { name: "add-to-conference", label: "Join", fields: [{ name: "consult", label: "Call to add", kind: "call", required: true }] },
  { name: "remove-from-conference", label: "Remove from conference", fields: [], danger: true },
  { name: "drop", label: "Drop", fields: [], danger: true },
  { name: "deallocate-call", label: "Deallocate", fields: [], rare: true },
  { name: "start-recording", label: "Record", fields: [] },
  { name: "pause-recording", label: "Pause recording", fields: [] },
  { name: "resume-recording", label: "Resume recording", fields: [] },
  { name: "stop-recording", label: "Stop recording", fields: [] },
  {
    name: "complete-call",
    label: "Complete call",
    fields: [
      level("mode", "How", ["callback", "campon", "intrude", "message"]),
      { name: "message", label: "Message number, with message", kind: "number" },
    ],
  },
  {
    name: "generate-digits",
    label: "Send digits",
    rare: true,
    fields: [{ name: "digits", label: "Digits", kind: "text", placeholder: "1234#" }],
  },
  {
    name: "gather-digits",
    label: "Gather digits",
    rare: true,
    fields: [
      { name: "count", label: "How many", kind: "number", value: "4" },
      { name: "termination_digits", label: "Digits that end it", kind: "text", placeholder: "#" },
    ],
  },
  { name: "monitor-digits", label: "Monitor digits", rare: true, fields: [{ name: "modes", label: "Modes (none: stop)", kind: "list", value: "dtmf" }] },
  { name: "monitor-media", label: "Monitor media", rare: true, fields: [{ name: "media_modes", label: "Media modes", kind: "list", value: MEDIA_MODES }] },
  { name: "set-media-mode", label: "Media mode", rare: true, fields: [{ name: "media_modes", label: "Media modes", kind: "list", value: "interactivevoice" }] },
  { name: "secure-call", label: "Secure", fields: [], rare: true },
  {
    name: "handoff",
    label: "Hand off",
    rare: true,
    fields: [
      { name: "app", label: "To the application", kind: "text" },
      { name: "media_mode", label: "or to a media mode", kind: "text", placeholder: "g3fax" },
    ],
  },
  { name: "set-call-privilege", label: "Privilege", rare: true, fields: [level("privilege", "Privilege", ["owner", "monitor"])] },
  { name: "set-call-data", label: "Call data", rare: true, fields: [{ name: "data", label: "Text", kind: "hex" }] },
  { name: "send-user-user-info", label: "User-user info", rare: true, fields: [{ name: "data", label: "Text", kind: "hex", required: true }] },
  {
    name: "set-call-quality-of-service",
    label: "Quality of service",
    rare: true,
    fields: [level("level", "Level", ["best-effort", "if-available", "needed"])],
  },
  {
    name: "start-fork",
    label: "Fork audio",
    rare: true,
    fields: [
      { name: "url", label: "WebSocket", kind: "text", required: true, placeholder: "wss://speech.example/listen" },
      { name: "authorization", label: "Authorization", kind: "secret" },
    ],
  },
  { name: "stop-fork", label: "Stop fork", rare: true, fields: [{ name: "fork", label: "Fork (none: all)", kind: "fork" }] },
];

/** Operations that only read: the console shows what they say anyway. */
export const READS: readonly string[] = ["get-conf-related-calls"];

/** Of lines. */
export const LINE_OPERATIONS: readonly Operation[] = [
  { name: "make-call", label: "Call", fields: [to("Call", true)] },
  {
    name: "pickup",
    label: "Pick up",
    fields: [
      { name: "from", label: "What rings at (empty: own groups)", kind: "text", placeholder: "1002" },
      { name: "group", label: "or in the group", kind: "text" },
    ],
  },
  { name: "unpark", label: "Unpark", fields: [{ name: "from", label: "Slot", kind: "text", required: true, placeholder: "701" }] },
  { name: "setup-conference", label: "Conference", fields: [], rare: true },
  {
    name: "forward",
    label: "Forward",
    fields: [
      level("mode", "Which calls", ["uncond", "busy", "noansw", "busyna"]),
      { name: "destination", label: "Where to (empty: no forwarding)", kind: "text" },
      { name: "do_not_disturb", label: "Do not disturb", kind: "flag" },
    ],
  },
  { name: "uncomplete-call", label: "Uncomplete call", rare: true, fields: [{ name: "completion", label: "Completion", kind: "number", required: true }] },
  { name: "translate-address", label: "Translate address", rare: true, fields: [{ name: "address", label: "Address", kind: "text", required: true }] },
  { name: "get-new-calls", label: "Get new calls", fields: [], rare: true },
];

/** Those of the table that `features` allow, in the order of the table; what the table does not know is left out. */
export const allowed = (table: readonly Operation[], features: readonly string[]): Operation[] =>
  table.filter((operation) => features.includes(operation.name));

/** The body of a request, from what was filled in. Empty fields are left out. */
export function body(operation: Operation, filled: Readonly<Record<string, string>>): Record<string, unknown> {
  if (operation.name === "forward") return forwardBody(filled);
  const made: Record<string, unknown> = {};
  for (const field of operation.fields) {
    const value = (filled[field.name] ?? "").trim();
    switch (field.kind) {
      case "list":
        made[field.name] = value.split(",").map((word) => word.trim()).filter((word) => word !== "");
        break;
      case "hex":
        made[field.name] = toHex(filled[field.name] ?? "");
        break;
      case "number":
        if (value !== "") made[field.name] = Number(value);
        break;
      default:
        if (value !== "") made[field.name] = value;
    }
  }
  return made;
}

function forwardBody(filled: Readonly<Record<string, string>>): Record<string, unknown> {
  const destination = (filled["destination"] ?? "").trim();
  if (filled["do_not_disturb"] === "true") return { entries: [{ mode: "uncond" }] };
  return { entries: destination === "" ? [] : [{ mode: filled["mode"] ?? "uncond", destination }] };
}

/** States of calls that are no other call's second: over, or in a conference already. */
const NO_SECOND: readonly string[] = ["idle", "disconnected", "conferenced"];

/** The calls that an operation may mean as its second: related ones first, then others of the same line. */
export function secondCalls(call: Call, calls: Iterable<Call>): Call[] {
  const others = [...calls].filter((other) => other.id !== call.id && !NO_SECOND.includes(other.state));
  const related = others.filter((other) => call.related.includes(other.id));
  const beside = others.filter((other) => other.line === call.line && !related.includes(other));
  return [...related, ...beside];
}
