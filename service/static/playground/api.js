// The public API over fetch: problems as errors, patience while the service restarts, and streams.

import { addressOf } from "./calls.js";
import { readEvents } from "./events.js";
import { Problem } from "./problem.js";

const PATIENCE_MS = 60_000;
const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 4_000;

/**
 * The service as functions of calls (see calls.js), each with options { signal, patienceMs }.
 *
 * All calls only compute, so any may be sent again. One that finds no service, or one that is not ready, is repeated for
 * `patienceMs`; meanwhile `onConnection(false)` is told, and `onConnection(true)` once there is an answer.
 */
export function createApi(onConnection) {
  async function send(call, { signal, patienceMs = PATIENCE_MS } = {}) {
    const until = performance.now() + patienceMs;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      const { method, headers, json } = call;
      const response = await fetch(addressOf(call), { method, headers, body: json && JSON.stringify(json), signal }).catch(() => null);
      signal?.throwIfAborted();
      if (response) onConnection(true);
      if (response?.ok) return response;
      const problem = response ? await Problem.of(response) : UNREACHABLE;
      if (!["unreachable", "not-ready"].includes(problem.slug) || performance.now() > until) throw problem;
      onConnection(false);
      await new Promise((resolve) => setTimeout(resolve, pause));
      signal?.throwIfAborted();
    }
  }

  return {
    json: async (call, options) => (await send(call, options)).json(),
    blob: async (call, options) => (await send(call, options)).blob(),
    async *stream(call, options) {
      const streaming = { ...call, headers: { ...call.headers, Accept: "text/event-stream" } };
      for await (const { event, data } of readEvents((await send(streaming, options)).body)) {
        if (event === "problem") throw new Problem(data);
        yield { event, data };
      }
    },
  };
}

const UNREACHABLE = new Problem({ type: "unreachable", title: "The service does not answer", detail: "It may be restarting; this page goes on by itself." });
