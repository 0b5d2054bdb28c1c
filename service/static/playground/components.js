// One slider for each number of a latent vector, with the range that it usually has.

import { details, element } from "./dom.js";
import { figure, plural } from "./format.js";

const AT_ONCE = 8;
const MARGIN = 0.25; // beyond what the sample has, as a share of it

/** Those that vary most come first; `change(index, value)` is called as one moves. */
export function createComponents(ranges, change) {
  const sorted = ranges.toSorted((one, other) => other.deviation - one.deviation);
  const sliders = sorted.map((range) => createSlider(range, change));
  const nodes = sliders.map(({ node }) => node);
  const more = nodes.splice(AT_ONCE);
  const node = element("div.components", element("div.sliders", nodes),
    more.length > 0 && details(`${plural(more.length, "more component")}, which vary less`, element("div.sliders", more)));
  return { node, show: (latent) => sliders.forEach((slider) => slider.show(latent)) };
}

function createSlider({ index, low, high, least, most }, change) {
  const span = most - least || 1;
  let [from, to] = [least - MARGIN * span, most + MARGIN * span];
  const input = element("input", { type: "range", "aria-label": `Component ${index + 1}`, oninput: () => change(index, Number(input.value)) });
  const value = element("output", { "aria-hidden": "true" });
  const band = element("span.band", { "aria-hidden": "true" });
  const node = element("div.component", element("span.number", { "aria-hidden": "true" }, String(index + 1)),
    element("span.track", band, input), value);

  /** A walker may come to where no image of the sample is; then the slider reaches as far. */
  function reach(place) {
    [from, to] = [Math.min(from, place), Math.max(to, place)];
    [input.min, input.max, input.step] = [from, to, (to - from) / 400];
    band.style.setProperty("--from", (low - from) / (to - from));
    band.style.setProperty("--to", (high - from) / (to - from));
  }

  reach(least);
  return {
    node,
    show(latent) {
      const place = latent[index];
      if (place < from || place > to) reach(place);
      const isUsual = place >= low && place <= high;
      if (document.activeElement !== input || Math.abs(Number(input.value) - place) > Number(input.step)) input.value = place;
      value.textContent = place.toFixed(2).replace("-", "−");
      node.classList.toggle("beyond", !isUsual);
      input.ariaValueText = `${figure(place)}${isUsual ? "" : ", beyond its usual range"}; usual from ${figure(low)} to ${figure(high)}`;
    },
  };
}
