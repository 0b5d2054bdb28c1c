// Maps computed anew: a form, the stream as it converges, and a way to stop it.

import * as calls from "./calls.js";
import { curlButton } from "./curl.js";
import { button, element } from "./dom.js";
import { figure } from "./format.js";
import { isStill } from "./player.js";
import { showProblem } from "./problem.js";

const SPACES = { image: "Image space", latent: "Latent space" };

/**
 * `heard.begin()` is told that a run began, `heard.progress(space, coordinates)` how far it has come,
 * `heard.end(answer)` of its end, with null where it was stopped, and `heard.back()` to show the bundle's maps.
 */
export function createRecompute({ state, api, announce }, heard) {
  let [running, latest] = [null, {}]; // the latest progress by space
  const number = (min, value, max) => element("input.number", { type: "number", min, max, value, step: 1, required: true, inputmode: "numeric" });
  const status = element("p.note", { role: "status" });
  const bar = element("progress", { max: 1, "aria-label": "Progress of the maps" });
  const host = element("div");
  const perplexity = number(2, 30);
  const seed = number(0, 1, 4294967295);
  const go = element("button.button.primary", "Recompute");
  const stop = button("Stop", () => {
    abandon("Stopped; what is shown is unfinished.");
    heard.end(null);
  });
  const back = button("Back to the bundle’s maps", () => {
    abandon();
    back.hidden = true;
    go.focus();
    heard.back();
  });

  function call() {
    return calls.layOut(state.get().choice, { reference: true }, { perplexity: perplexity.value, seed: seed.value });
  }

  function abandon(text = "") {
    running?.abort();
    running = null;
    const hadFocus = document.activeElement === stop;
    [go.disabled, stop.hidden, bar.hidden] = [false, true, true];
    if (hadFocus) go.focus();
    status.textContent = text;
  }

  async function run() {
    if (running) return;
    running = new AbortController();
    const { signal } = running;
    const asked = call();
    asked.query.progress = isStill() ? "numbers" : "coordinates";
    [go.disabled, stop.hidden, bar.hidden, back.hidden] = [true, false, false, false];
    if (document.activeElement === go || document.activeElement === document.body) stop.focus();
    showProblem(host, null);
    status.textContent = "Waiting for a free place…";
    bar.removeAttribute("value");
    latest = {};
    heard.begin();
    try {
      for await (const { event, data } of api.stream(asked, { signal })) {
        if (signal.aborted) return;
        if (event === "progress") tell(data);
        if (event === "result") return finish(data, asked.query);
      }
      throw new TypeError("the stream ended early");
    } catch (error) {
      if (signal.aborted) return;
      abandon();
      showProblem(host, error);
      heard.end(null);
    }
  }

  function tell(news) {
    latest[news.space] = news;
    const spaces = Object.keys(SPACES).map((space) => latest[space]).filter(Boolean);
    bar.value = spaces.reduce((sum, { iteration, iterations }) => sum + iteration / iterations, 0) / 2;
    const { elapsed_s, remaining_s, coordinates } = news;
    const left = remaining_s === null ? "" : `, about ${Math.max(1, Math.round(remaining_s))} s left`;
    const isMeasuring = spaces.some(({ phase }) => phase === "measuring");
    status.textContent = isMeasuring ? "Measuring how good the maps are…" : `${spaces.map(course).join("; ")}; ${Math.round(elapsed_s)} s${left}.`;
    if (coordinates) heard.progress(news.space, Float32Array.from(coordinates.flat()));
  }

  function finish(answer, query) {
    running = null;
    abandon(`Computed with perplexity ${query.perplexity} and seed ${query.seed}.`);
    announce("The maps are computed.");
    heard.end(answer);
  }

  const field = (text, input) => element("label.field", text, input);
  return {
    form: element("form.recompute", { "aria-label": "Compute the maps again", onsubmit: (event) => (event.preventDefault(), run()) },
      element("div.row", field("Perplexity", perplexity), field("Seed", seed), go, stop, back, curlButton("new maps", call, announce)), bar, status, host),
    call,
    /** Another model: nothing runs, and perplexity has another bound. */
    open(sample) {
      abandon();
      back.hidden = true;
      showProblem(host, null);
      if (sample === null) return;
      const largest = Math.max(1, Math.floor((sample.count - 1) / 3));
      [perplexity.max, perplexity.min, perplexity.value] = [200, 2, 30].map((value) => Math.min(value, largest));
    },
  };
}

function course({ space, phase, iteration, iterations, kl_divergence }) {
  if (phase === "neighbours") return `${SPACES[space]}: looking for neighbours`;
  return `${SPACES[space]}: ${phase === "exaggeration" ? "clusters form" : "refining"}, iteration ${iteration} of ${iterations}, KL ${figure(kl_divergence)}`;
}
