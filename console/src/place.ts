// Where one is in the console: `#/calls/c3`.

const VIEWS = ["wall", "line", "calls", "registrations", "trunks", "parked", "apps", "configuration", "events", "log"] as const;

export interface Place {
  view: (typeof VIEWS)[number];
  /** A line or a call; empty: all. */
  name: string;
}

/** The place of the fragment of an address; the wall where it names none. */
export function parsePlace(hash: string): Place {
  const [view, ...rest] = hash.replace(/^#\/?/, "").split("/");
  const found = VIEWS.find((known) => known === view);
  let name: string;
  try {
    name = decodeURIComponent(rest.join("/"));
  } catch {
    name = "";
  }
  return found === undefined ? { view: "wall", name: "" } : { view: found, name };
}

export const lineHref = (address: string): string => `#/line/${encodeURIComponent(address)}`;
export const callHref = (id: string): string => `#/calls/${encodeURIComponent(id)}`;
