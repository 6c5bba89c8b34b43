// Requests that are repeated where their connection breaks, and done once all the same (Idempotency-Key).

/** A key for a request: new for each, the same when it is repeated. Give it as a header to repeat a request over a restart of yours. */
export function newKey(): string {
  return crypto.randomUUID();
}

/**
 * A `fetch` that asks again when the connection broke or the first request is still under way. Each POST has an `Idempotency-Key`, so
 * that the daemon does it once and answers the same; the other methods may be repeated as they are.
 */
export function repeating(fetch: typeof globalThis.fetch, pause: (attempt: number) => Promise<void> = rest): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    if (request.method === "POST" && !request.headers.has(KEY)) request.headers.set(KEY, newKey());
    for (let attempt = 1; ; attempt++) {
      const last = attempt === ATTEMPTS || request.signal.aborted;
      try {
        const response = await fetch(request.clone());
        if (last || response.status !== CONFLICT || !(await isUnderWay(response))) return response;
      } catch (error) {
        if (last || request.signal.aborted) throw error;
      }
      await pause(attempt);
    }
  };
}

/** A proxy, say, which is no daemon, sends no problem. */
async function isUnderWay(response: Response): Promise<boolean> {
  const problem: unknown = await response.clone().json().catch(() => undefined);
  return typeof problem === "object" && problem !== null && "code" in problem && problem.code === "conflict";
}

function rest(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, attempt * REST_MS));
}

const KEY = "Idempotency-Key";
const CONFLICT = 409;
/** The last of them comes four seconds after the first: a daemon that was started again is back by then. */
const ATTEMPTS = 5;
const REST_MS = 400;
