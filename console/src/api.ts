// The client of the API: one token, JSON in and out, errors as problems.

import type { Problem } from "./types.ts";

/** A request that was refused. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

export class Api {
  constructor(readonly token: string) {}

  get<T>(path: string): Promise<T> {
    return this.ask<T>("GET", path);
  }

  post<T>(path: string, body: unknown): Promise<T> {
    return this.ask<T>("POST", path, JSON.stringify(body));
  }

  /** The address of a WebSocket of the API. A browser can write no header there. */
  socket(path: string, parameters: Record<string, string>): string {
    const url = new URL(path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    url.search = new URLSearchParams({ ...parameters, access_token: this.token }).toString();
    return url.toString();
  }

  private async ask<T>(method: string, path: string, body?: string): Promise<T> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let answer: Response;
    try {
      answer = await fetch(path, { method, headers, cache: "no-store", ...(body === undefined ? {} : { body }) });
    } catch {
      throw new Refused({ title: "No answer", status: 0, code: "no-answer", detail: "The daemon does not answer." });
    }
    const text = await answer.text();
    let found: unknown;
    try {
      found = text === "" ? {} : JSON.parse(text);
    } catch {
      found = undefined;
    }
    if (answer.ok && found !== undefined) return found as T;
    const problem = found as Partial<Problem> | undefined;
    throw new Refused({
      ...problem,
      title: problem?.title ?? answer.statusText,
      status: answer.status,
      code: problem?.code ?? "unreadable",
      detail: problem?.detail ?? `The daemon answered ${answer.status}.`,
    });
  }
}

/** A segment of a path: addresses of lines may have any character. */
export const segment = (text: string): string => encodeURIComponent(text);
