// How unusual an image is, in words and on a scale.

import { element } from "./dom.js";
import { figure } from "./format.js";

const UNUSUAL = 0.99; // as /reconstruct flags by default
const RATHER = 0.95;

function judge(percentile) {
  const word = percentile >= UNUSUAL ? "Unusual" : percentile >= RATHER ? "Rather unusual" : "Usual";
  if (percentile >= 1) return [word, "higher than that of all known images"];
  if (percentile <= 0) return [word, "lower than that of all known images"];
  // Cut and not rounded: 99.97 % are not all.
  return [word, `higher than that of ${(Math.floor(1000 * percentile) / 10).toFixed(1)}\u00A0% of known images`];
}

export function tellVerdict({ mse, percentile }) {
  const [word, rest] = judge(percentile);
  return `${word}: the error, ${figure(mse)}, is ${rest}.`;
}

export function createVerdict() {
  const [word, text, mark, note] = ["strong", "span", "span.mark", "p.note"].map((name) => element(name));
  const node = element("div.verdict", element("p.words", word, text), element("div.gauge", { "aria-hidden": "true" }, mark));
  const show = (found) => {
    node.classList.toggle("none", found === null);
    node.classList.toggle("unusual", found?.percentile >= UNUSUAL);
    const [kind, rest] = found ? judge(found.percentile) : [];
    word.textContent = found ? `${kind}:` : "Nothing to judge yet";
    text.textContent = found ? ` the error is ${rest}.` : "";
    note.textContent = found
      ? `Error: ${figure(found.mse)}, mean squared per value. Right of the tick lies one known image in a hundred.`
      : "The error’s place among those of known images shows here.";
    mark.style.left = `${100 * (found?.percentile ?? 0)}%`;
  };
  return { node, note, show };
}
