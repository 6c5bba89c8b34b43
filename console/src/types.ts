// What the API answers, as far as the console shows it (/v1/openapi.json).

export interface Party {
  number: string;
  name: string;
  blocked: boolean;
}

export interface ForwardEntry {
  mode: string;
  caller: string | null;
  destination: string | null;
}

export interface Line {
  address: string;
  name: string;
  kind: "phone" | "local" | "trunk";
  registered: boolean;
  contacts: number;
  calls: string[];
  forwarding: ForwardEntry[];
  do_not_disturb: boolean;
  completions: number[];
  messages: { waiting: boolean; new: number; old: number };
  features: string[];
}

export interface Direction {
  packets: number;
  lost: number | null;
  loss_percent: number | null;
  jitter_ms: number | null;
  mos: number | null;
}

export interface Media {
  codec: string | null;
  path: string;
  quality: "good" | "fair" | "poor" | null;
  received: Direction;
  sent: Direction;
  round_trip_ms: number | null;
  srtp: { keys: string; suite: string | null } | null;
}

export interface Call {
  id: string;
  line: string;
  address: string;
  state: string;
  state_mode: string | null;
  privilege: "owner" | "monitor" | "none";
  features: string[];
  origin: string;
  reason: string;
  caller: Party;
  called: Party;
  connected: Party;
  redirecting: Party;
  redirection: Party;
  related: string[];
  media_modes: string[];
  call_data: string;
  user_user: string;
  since: string;
  media: Media | null;
  recording: { state: string; demanded: boolean; path: string | null; since: string } | null;
  forks: { fork: string; state: string; url: string; since: string }[];
}

export interface Registration {
  line: string;
  contact: string;
  transport: string;
  remote: string;
  user_agent: string;
  q: number;
  expires_s: number;
}

export interface Failure {
  status: number;
  at: string;
}

export interface Trunk {
  name: string;
  domain: string;
  calls: number;
  max_calls: number;
  in_service: boolean;
  registration: {
    registered: boolean;
    since: string | null;
    expires_s: number | null;
    peer: string | null;
    last_failure: Failure | null;
    retry_s: number | null;
  } | null;
  calls_per_second: number | null;
  peers: { peer: string; state: string; rests_s: number | null; last_failure: Failure | null }[];
}

export interface Parked {
  parked_at: string;
  line: string;
  party: Party;
  call: string;
  since: string;
}

export interface App {
  name: string;
  you: boolean;
  privilege: "owner" | "monitor";
  lines: string[];
  operator: boolean;
  event_streams: number;
}

export interface Mistake {
  file: string;
  line: number;
  key: string;
  wrong: string;
  right: string;
}

/** application/problem+json: why something was refused. */
export interface Problem {
  title: string;
  status: number;
  code: string;
  detail: string;
  explain?: { sentence?: string; allowed?: string[] };
  errors?: Mistake[];
}

/** One frame of /v1/events. */
export interface ServerEvent {
  seq: number;
  type: string;
  call?: string;
  line?: string;
  [field: string]: unknown;
}
