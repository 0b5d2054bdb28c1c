// Maps computed anew: a form, the stream as it converges, and a way to stop it.

import * as calls from "./calls.js";
import { curlButton } from "./curl.js";
import { element } from "./dom.js";
import { figure } from "./format.js";
import { showProblem } from "./problem.js";

const SPACES = ["image", "latent"];
const MEASURING_MS = 1000; // without news after the last step
const BODY = { json: { reference: true } };

/**
 * The form. `heard.begin()` is told that a run began, `heard.progress(space, coordinates)` how far it has come,
 * `heard.end(answer, query)` of its end, with a null answer where it was stopped, and `heard.back()` to show the bundle's maps.
 */
export class Recompute {
  #running = null;
  #timer = 0;
  #latest = new Map(); // by space, the latest progress
  #status = element("p", { class: "note", role: "status" });
  #bar = element("progress", { max: "1", value: "0", "aria-label": "Progress of the maps", hidden: true });
  #host = element("div");
  #perplexity = element("input", { class: "number", type: "number", min: "2", step: "1", value: "30", required: true, inputmode: "numeric" });
  #seed = element("input", { class: "number", type: "number", min: "0", max: "4294967295", step: "1", value: "1", required: true, inputmode: "numeric" });
  #go = element("button", { class: "button primary" }, "Recompute");
  #stop = element("button", { type: "button", class: "button", hidden: true, onclick: () => this.stop("Stopped; what is shown is unfinished.") }, "Stop");
  #back = element("button", { type: "button", class: "button", hidden: true, onclick: () => this.#leave() }, "Back to the bundle’s maps");

  constructor({ state, api, announce }, heard) {
    Object.assign(this, { state, api, announce, heard });
    const field = (text, input) => element("label", { class: "field" }, text, input);
    this.form = element("form", { class: "recompute", "aria-label": "Compute the maps again", onsubmit: (event) => (event.preventDefault(), this.#run()) },
      element("div", { class: "row" }, field("Perplexity", this.#perplexity), field("Seed", this.#seed), this.#go, this.#stop, this.#back, curlButton("new maps", () => this.call, announce)),
      this.#bar, this.#status, this.#host);
  }

  /** Another model: nothing runs, and perplexity has another bound. */
  open(sample) {
    this.#abort();
    this.#end("");
    this.#back.hidden = true;
    showProblem(this.#host, null);
    if (sample === null) return;
    const largest = Math.max(1, Math.floor((sample.count - 1) / 3));
    this.#perplexity.max = String(Math.min(200, largest));
    this.#perplexity.min = String(Math.min(2, largest));
    this.#perplexity.value = String(Math.min(30, largest));
  }

  get call() {
    return calls.layOut(this.state.get().choice, BODY, { perplexity: this.#perplexity.value, seed: this.#seed.value });
  }

  /** End what runs, if anything does. */
  stop(text) {
    if (this.#abort()) {
      this.#end(text);
      this.heard.end(null);
    }
  }

  #abort() {
    const running = this.#running;
    this.#running = null;
    running?.abort();
    return running !== null;
  }

  async #run() {
    if (this.#running) return;
    const running = (this.#running = new AbortController());
    const isAnimated = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    const call = this.call;
    call.query.progress = isAnimated ? "coordinates" : "numbers";
    [this.#go.disabled, this.#stop.hidden, this.#bar.hidden, this.#back.hidden] = [true, false, false, false];
    if (document.activeElement === this.#go || document.activeElement === document.body) this.#stop.focus();
    showProblem(this.#host, null);
    this.#status.textContent = "Waiting for a free place…";
    this.#bar.removeAttribute("value");
    this.#latest.clear();
    this.heard.begin();
    try {
      for await (const { event, data } of this.api.stream(call, { signal: running.signal })) {
        if (this.#running !== running) return;
        if (event === "progress") this.#tell(data);
        if (event === "result") this.#finish(data, call.query);
      }
      if (this.#running === running) throw new TypeError("the stream ended early");
    } catch (error) {
      if (this.#running !== running) return;
      this.#abort();
      this.#end("");
      showProblem(this.#host, error);
      this.heard.end(null);
    }
  }

  #tell(news) {
    this.#latest.set(news.space, news);
    const spaces = SPACES.filter((space) => this.#latest.has(space)).map((space) => this.#latest.get(space));
    this.#bar.value = spaces.reduce((sum, { iteration, iterations }) => sum + iteration / iterations, 0) / SPACES.length;
    const { elapsed_s, remaining_s, coordinates } = news;
    const left = remaining_s === null ? "" : `, about ${Math.max(1, Math.round(remaining_s))} s left`;
    this.#status.textContent = `${spaces.map(course).join("; ")}; ${Math.round(elapsed_s)} s${left}.`;
    clearTimeout(this.#timer);
    if (spaces.every(({ phase }) => phase === "refinement")) this.#timer = setTimeout(() => (this.#status.textContent = "Measuring how good the maps are…"), MEASURING_MS);
    if (coordinates) this.heard.progress(news.space, Float32Array.from(coordinates.flat()));
  }

  #finish(answer, { perplexity, seed }) {
    this.#running = null;
    this.#end(`Computed with perplexity ${perplexity} and seed ${seed}.`);
    this.announce("The maps are computed.");
    this.heard.end(answer);
  }

  #end(text) {
    clearTimeout(this.#timer);
    const hadFocus = document.activeElement === this.#stop;
    [this.#go.disabled, this.#stop.hidden, this.#bar.hidden] = [false, true, true];
    if (hadFocus) this.#go.focus();
    this.#status.textContent = text;
  }

  #leave() {
    this.#abort();
    this.#end("");
    this.#back.hidden = true;
    this.#go.focus();
    this.heard.back();
  }
}

/** How far one space has come, in words. */
function course({ space, phase, iteration, iterations, kl_divergence }) {
  const where = space === "image" ? "Image space" : "Latent space";
  if (phase === "neighbours") return `${where}: looking for neighbours`;
  return `${where}: ${phase === "exaggeration" ? "clusters form" : "refining"}, iteration ${iteration} of ${iterations}, KL ${figure(kl_divergence)}`;
}
