// Where the image being looked at lies on the latent map: exactly where it is a row of the sample, else about where its neighbours are.

import * as calls from "./calls.js";
import { curlButton } from "./curl.js";
import { element, fill } from "./dom.js";
import { figure } from "./format.js";
import { medianPlace } from "./map_points.js";
import { showProblem } from "./problem.js";

const KINDS = { drawing: "The drawing", file: "The uploaded image", latent: "The place that was walked to" };

export class MapSubject {
  #asking = new AbortController();
  #asked = null;
  #placement = null;
  #note = element("p", { class: "note" });
  #curl;
  #host = element("div");

  /** `moved()` is called when there is another placement. */
  constructor({ state, api, announce }, moved) {
    Object.assign(this, { state, api, moved });
    this.#curl = curlButton("the place on the map", () => this.#call(), announce);
    this.line = element("div", { class: "subject", hidden: true }, this.#note, this.#curl, this.#host);
  }

  /** Follow the store: ask for the place of what is new there. */
  async follow(subject) {
    if (subject === this.#asked) return;
    this.#asking.abort();
    this.#asking = new AbortController();
    [this.#asked, this.#placement] = [subject, null];
    showProblem(this.#host, null);
    this.#show();
    this.moved();
    if (!subject?.latent || subject.row !== null) return;
    try {
      const { placements } = await this.api.json(this.#call(), { signal: this.#asking.signal });
      if (subject !== this.#asked) return;
      this.#placement = placements[0];
      this.#show();
      this.moved();
    } catch (error) {
      if (subject === this.#asked) showProblem(this.#host, error);
    }
  }

  /** [x, y] on the latent map, or null; the service's own answer holds on the bundle's map, elsewhere the median of neighbours does. */
  placeOn(plot, toPlace) {
    if (this.#placement === null) return null;
    return toPlace ? toPlace(this.#placement.coordinates) : medianPlace(plot.places, this.#placement.neighbours.map(({ index }) => index));
  }

  get row() {
    return this.#asked?.row ?? null;
  }

  #call() {
    return calls.layOut(this.state.get().choice, { json: { latents: [[...(this.#asked?.latent ?? [])]] } }, { onto: "reference" });
  }

  #show() {
    this.line.hidden = this.#asked === null || (this.#placement === null && this.row === null);
    this.#curl.hidden = this.#placement === null;
    if (this.row !== null) fill(this.#note, mark(), "The image being looked at is a point of both maps.");
    if (this.#placement === null) return;
    const { neighbours, far, distance } = this.#placement;
    fill(this.#note, mark(), `${KINDS[this.#asked.kind] ?? "The image being looked at"} lies about here on the latent map: an approximation, the middle of its ${neighbours.length} nearest known images`,
      tellClasses(neighbours), ` (mean distance ${figure(distance)}). `, far && element("strong", {}, "It is far from everything known, so its place says little."));
  }
}

const mark = () => element("span", { class: "diamond", "aria-hidden": "true" }, "◆");

/** Of which classes the neighbours are. */
function tellClasses(neighbours) {
  if (neighbours[0].label === null) return "";
  const counts = new Map();
  for (const { label } of neighbours) counts.set(label, (counts.get(label) ?? 0) + 1);
  const [[label, amount]] = [...counts].sort((one, other) => other[1] - one[1]);
  return `, ${amount} of them of class ${label}`;
}
