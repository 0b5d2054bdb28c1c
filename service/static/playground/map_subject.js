// Where the image being looked at lies on the latent map.

import * as calls from "./calls.js";
import { curlButton } from "./curl.js";
import { element, fill } from "./dom.js";
import { figure } from "./format.js";
import { medianPlace } from "./map_points.js";
import { showProblem } from "./problem.js";

const KINDS = { drawing: "The drawing", file: "The uploaded image", latent: "The place that was walked to" };

export function createSubject({ state, api, announce }, moved) {
  let asking = new AbortController();
  let asked = null; // the subject
  let placement = null; // the service's answer
  const note = element("p.note");
  const host = element("div");
  const curl = curlButton("the place on the map", call, announce);
  const line = element("div.row.subject", { hidden: true }, note, curl, host);

  function call() {
    return calls.layOut(state.get().choice, { latents: [[...asked.latent]] }, { onto: "reference" });
  }

  const row = () => asked?.row ?? null;

  function place(answer) {
    placement = answer;
    line.hidden = placement === null && row() === null;
    curl.hidden = placement === null;
    fill(note, element("span.diamond", { "aria-hidden": "true" }, "◆"), placement ? describe(asked, placement) : "The image being looked at is a point of both maps.");
    moved();
  }

  return {
    line,
    row,
    async follow(subject) {
      if (subject === asked) return;
      asking.abort();
      asking = new AbortController();
      const { signal } = asking;
      asked = subject;
      showProblem(host, null);
      place(null);
      if (!subject?.latent || row() !== null) return;
      try {
        const { placements } = await api.json(call(), { signal });
        if (!signal.aborted) place(placements[0]);
      } catch (error) {
        showProblem(host, error);
      }
    },
    /** [x, y] or null: on the bundle's map by the service's answer, elsewhere the median of neighbours. */
    placeOn(places, toPlace) {
      if (placement === null) return null;
      return toPlace ? toPlace(placement.coordinates) : medianPlace(places, placement.neighbours.map(({ index }) => index));
    },
  };
}

function describe({ kind }, { neighbours, far, distance }) {
  return [
    `${KINDS[kind] ?? "The image being looked at"} lies about here on the latent map: an approximation, the middle of its ${neighbours.length} nearest known images`,
    tellClass(neighbours), ` (mean distance ${figure(distance)}). `, far && element("strong", "It is far from everything known, so its place says little."),
  ];
}

function tellClass(neighbours) {
  if (neighbours[0].label === null) return "";
  const classes = [...Map.groupBy(neighbours, ({ label }) => label)];
  const [label, members] = classes.sort(([, one], [, other]) => other.length - one.length)[0];
  return `, ${members.length} of them of class ${label}`;
}
