// The way to a daemon: where it is, who asks, what becomes of refusals.

import { createClient, createConfig } from "./generated/client/index.js";
import { Trunkline, type Problem, type Submitted } from "./generated/index.js";
import { repeating } from "./repeating.js";

/** A daemon, and the application that speaks to it. */
export interface Daemon {
  /** `http://127.0.0.1:8080` */
  url: string;
  /** The token of an `[[app]]`. */
  token: string;
}

/** The daemon that the environment names: `TRUNKLINE_URL` (on this machine by default) and `TRUNKLINE_TOKEN`. */
export function fromEnvironment(environment: Record<string, string | undefined> = process.env): Daemon {
  const token = environment["TRUNKLINE_TOKEN"];
  if (!token) throw new Error("TRUNKLINE_TOKEN is not set: the token of an application, see [[app]] of trunkline.toml");
  return { url: environment["TRUNKLINE_URL"] ?? "http://127.0.0.1:8080", token };
}

/** The API of a daemon: a method for each operation. What is refused is thrown as {@link Refused}. */
export function connect({ url, token }: Daemon): Trunkline {
  const client = createClient(
    createConfig({ baseUrl: url, auth: token, throwOnError: true, fetch: repeating(globalThis.fetch) }),
  );
  client.interceptors.error.use((error, response) => (isProblem(error) ? new Refused(error) : unreadable(error, response)));
  return new Trunkline({ client });
}

/** The daemon said no. The message is its sentence for a person. */
export class Refused extends Error {
  override readonly name = "Refused";
  constructor(
    /** Code, detail, and what is missing and would be allowed (`explain`). */
    readonly problem: Problem,
  ) {
    super(`${problem.code}: ${problem.detail}`);
  }
}

/** What an operation brought forth, of an answer that was waited for (no `Prefer: respond-async`). */
export function done<T extends object>(answer: T): Exclude<T, Submitted> {
  if ("request" in answer) throw new Error("the request was only submitted: its reply comes as an event");
  return answer as Exclude<T, Submitted>;
}

function isProblem(error: unknown): error is Problem {
  return typeof error === "object" && error !== null && "code" in error && "detail" in error;
}

/** Of a proxy, say, which is no daemon and sends no problem. */
function unreadable(error: unknown, response: Response | undefined): Error {
  if (error instanceof Error) return error;
  return new Error(response ? `HTTP ${response.status} without a problem document` : String(error));
}
