// How unusual an image is, in words and on a scale.

import { element, fill } from "./dom.js";
import { figure } from "./format.js";

const UNUSUAL = 0.99; // as /reconstruct flags by default
const RATHER = 0.95;

/** A percentile in words: ["Unusual", "higher than that of 99.2 % of known images"]. */
export function judge(percentile) {
  const word = percentile >= UNUSUAL ? "Unusual" : percentile >= RATHER ? "Rather unusual" : "Usual";
  if (percentile >= 1) return [word, "higher than that of all known images"];
  if (percentile <= 0) return [word, "lower than that of all known images"];
  // Cut and not rounded: 99.97 % are not all.
  return [word, `higher than that of ${(Math.floor(1000 * percentile) / 10).toFixed(1)}\u00A0% of known images`];
}

/** The same as a sentence. */
export function tellVerdict({ mse, percentile }) {
  const [word, rest] = judge(percentile);
  return `${word}: the error, ${figure(mse)}, is ${rest}.`;
}

/** A place for verdicts: { node, note, show({ mse, percentile }, or null for none) }. */
export function createVerdict() {
  const word = element("strong", {});
  const text = element("span", {});
  const mark = element("span", { class: "mark" });
  const scale = element("div", { class: "gauge", "aria-hidden": "true" }, mark);
  const note = element("p", { class: "note" });
  const node = element("div", { class: "verdict" }, element("p", { class: "words" }, word, text), scale);
  const show = (found) => {
    node.classList.toggle("none", found === null);
    if (found === null) {
      fill(word, "Nothing to judge yet");
      fill(text);
      fill(note, "The error’s place among those of known images shows here.");
      return;
    }
    const [kind, rest] = judge(found.percentile);
    fill(word, `${kind}:`);
    fill(text, ` the error is ${rest}.`);
    fill(note, `Error: ${figure(found.mse)}, mean squared per value. Right of the tick lies one known image in a hundred.`);
    mark.style.setProperty("left", `${100 * found.percentile}%`);
    node.classList.toggle("unusual", found.percentile >= UNUSUAL);
  };
  show(null);
  return { node, note, show };
}
