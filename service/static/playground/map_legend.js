// The legend of the maps: classes, to be hidden or shown alone.

import { button, element } from "./dom.js";
import { count } from "./format.js";

export function showLegend(sample, colours, hidden, change) {
  if (sample.labels === null) return null;
  const classes = sample.byClass();
  const entry = ({ number, name, rows }) => {
    const isShown = !hidden.includes(number);
    const isAlone = isShown && hidden.length === classes.length - 1;
    const others = classes.map((one) => one.number).filter((one) => one !== number);
    const swatch = element("span.swatch");
    swatch.style.background = isShown ? colours[number % colours.length] : "transparent";
    swatch.style.borderColor = colours[number % colours.length];
    return element("li",
      button([swatch, element("span.name", name), element("span.amount", count(rows.length))], () => change(isShown ? [...hidden, number] : hidden.filter((one) => one !== number)),
        { "aria-pressed": String(isShown), "data-key": `class ${number}`, "aria-label": `Show class ${name}` }, ".class"),
      button("only", () => change(isAlone ? [] : others),
        { "aria-pressed": String(isAlone), "data-key": `only ${number}`, "aria-label": `Show only class ${name}` }, ".plain.only"));
  };
  const all = button("Show all", () => change([]), { disabled: hidden.length === 0, "data-key": "all" }, ".plain");
  return element("div.legend", { role: "group", "aria-label": "Classes" }, element("ul", classes.map(entry), element("li.all", all)));
}
