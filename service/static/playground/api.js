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
 * `patienceMs`, by default a minute; meanwhile `onConnection(false)` is told, and `onConnection(true)` once there is an answer.
 */
export function createApi(onConnection = () => {}) {
  const send = (call, options) => sendPatiently(call, options, onConnection);
  return {
    send,
    json: async (call, options) => (await send(call, options)).json(),
    blob: async (call, options) => (await send(call, options)).blob(),
    /** The events of a stream, one by one: { event, data }. A `problem` event is thrown. */
    async *stream(call, options = {}) {
      const streaming = { ...call, headers: { ...call.headers, Accept: "text/event-stream" } };
      for await (const { event, data } of readEvents((await send(streaming, options)).body)) {
        if (event === "problem") throw new Problem(data);
        yield { event, data };
      }
    },
  };
}

async function sendPatiently(call, { signal, patienceMs = PATIENCE_MS } = {}, onConnection) {
  const until = performance.now() + patienceMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const failure = await sendOnce(call, signal).then(
      (response) => {
        onConnection(true);
        return response.ok ? response : Problem.of(response);
      },
      (error) => (signal?.aborted ? Promise.reject(error) : unreachable()),
    );
    if (failure instanceof Response) return failure;
    if (!isPassing(failure) || performance.now() > until) throw failure;
    onConnection(false);
    await rest(pause, signal);
  }
}

function sendOnce({ method, headers, json, file, ...call }, signal) {
  const kind = json === undefined ? file && { "Content-Type": file.type } : { "Content-Type": "application/json" };
  const body = json === undefined ? file : JSON.stringify(json);
  return fetch(addressOf(call), { method, headers: { ...headers, ...kind }, body, signal });
}

const unreachable = () =>
  Problem.named("unreachable", "The service does not answer", "It may be restarting; this page goes on by itself.");

const isPassing = (problem) => ["unreachable", "not-ready"].includes(problem.slug);

/** Wait, unless it is aborted. */
function rest(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
