// The legend of the maps: each class with its colour and count, to be hidden or shown alone.

import { element } from "./dom.js";
import { count } from "./format.js";

/** `change(hidden)` is called with the numbers of the classes that are to be hidden. */
export function showLegend(sample, colours, hidden, change) {
  if (sample.labels === null) return null;
  const counts = new Map();
  for (const label of sample.labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const numbers = [...counts.keys()].sort((one, other) => one - other);
  const entry = (number) => {
    const name = sample.classes[number] ?? String(number);
    const isShown = !hidden.includes(number);
    const isAlone = isShown && hidden.length === numbers.length - 1;
    const swatch = element("span", { class: "swatch" });
    swatch.style.setProperty("background", isShown ? colours[number % colours.length] : "transparent");
    swatch.style.setProperty("border-color", colours[number % colours.length]);
    return element("li", {},
      element("button", { type: "button", class: "button class", "aria-pressed": String(isShown), "data-key": `class ${number}`, "aria-label": `Show class ${name}`, onclick: () => change(isShown ? [...hidden, number] : hidden.filter((one) => one !== number)) },
        swatch, element("span", { class: "name" }, name), element("span", { class: "amount" }, count(counts.get(number)))),
      element("button", { type: "button", class: "button plain only", "aria-pressed": String(isAlone), "data-key": `only ${number}`, "aria-label": `Show only class ${name}`, onclick: () => change(isAlone ? [] : numbers.filter((one) => one !== number)) }, "only"));
  };
  const all = element("button", { type: "button", class: "button plain", disabled: hidden.length === 0, "data-key": "all", onclick: () => change([]) }, "Show all");
  return element("div", { class: "legend", role: "group", "aria-label": "Classes" }, element("ul", {}, numbers.map(entry), element("li", { class: "all" }, all)));
}
