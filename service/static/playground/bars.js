// A latent vector as bars, each before the range that is usual for its component; the same as a table.

import { element, fill, shape } from "./dom.js";
import { figure } from "./format.js";

const USUAL = [0.05, 0.95]; // quantiles of the sample
const MOST_NAMED = 6;
const ROOM = 1.15; // how far the drawing goes beyond the usual ranges

/** Bars for the latents of a sample: { node, show(latent or null) }. */
export function createBars(sample) {
  const ranges = findRanges(sample);
  const limit = ROOM * Math.max(1e-9, ...ranges.flat().map(Math.abs));
  const bars = ranges.map((_, index) => shape("rect", { class: "value", x: index + 0.24, width: 0.52 }));
  const drawing = shape("svg", { viewBox: `0 ${-limit} ${ranges.length} ${2 * limit}`, preserveAspectRatio: "none", role: "img" },
    ranges.map(([low, high], index) => shape("rect", { class: "band", x: index + 0.06, width: 0.88, y: -high, height: high - low })),
    bars, shape("line", { class: "zero", x1: 0, x2: ranges.length, y1: 0, y2: 0 }));
  const text = element("p", { class: "note" });
  const table = element("details", {}, element("summary", {}, "As a table"));
  let latent = null;
  const describe = (index) => `Number ${index + 1} is ${figure(latent[index])}, usually ${figure(ranges[index][0])} to ${figure(ranges[index][1])}.`;
  const tabulate = () => table.open && fill(table, table.firstChild, tableOf(latent, ranges));
  drawing.addEventListener("pointermove", ({ clientX }) => {
    const { left, width } = drawing.getBoundingClientRect();
    if (latent) text.textContent = describe(Math.max(0, Math.min(ranges.length - 1, Math.floor(((clientX - left) / width) * ranges.length))));
  });
  drawing.addEventListener("pointerleave", () => show(latent));
  table.addEventListener("toggle", tabulate);

  function show(vector) {
    latent = vector;
    table.hidden = latent === null;
    bars.forEach((bar, index) => setBar(bar, latent?.[index] ?? 0, ranges[index], limit));
    const summary = latent ? summarise(latent, ranges) : "No image yet.";
    drawing.setAttribute("aria-label", `The latent vector. ${summary}`);
    text.textContent = summary;
    if (latent) tabulate();
  }

  show(null);
  return { node: element("div", { class: "bars" }, drawing, text, table), show };
}

function findRanges({ latents, latentDim, count }) {
  return Array.from({ length: latentDim }, (_, component) => {
    const values = Float32Array.from({ length: count }, (_, row) => latents[row * latentDim + component]).sort();
    return USUAL.map((share) => values[Math.round(share * (count - 1))]);
  });
}

function setBar(bar, value, range, limit) {
  const shown = Math.max(-limit, Math.min(limit, value));
  bar.setAttribute("y", -Math.max(0, shown));
  bar.setAttribute("height", Math.abs(shown));
  bar.classList.toggle("outside", isOutside(value, range));
}

const isOutside = (value, [low, high]) => value < low || value > high;

function summarise(latent, ranges) {
  const outside = ranges.map((_, index) => index).filter((index) => isOutside(latent[index], ranges[index]));
  if (outside.length === 0) return `${latent.length === 1 ? "The number lies" : `All ${latent.length} numbers lie`} in the grey bands, where nine in ten test images are.`;
  const names = outside.slice(0, MOST_NAMED).map((index) => index + 1).join(", ");
  const more = outside.length > MOST_NAMED ? ` and ${outside.length - MOST_NAMED} more` : "";
  const subject = outside.length === 1 ? `Number ${names} lies` : `Numbers ${names}${more} lie`;
  return `${subject} outside the grey bands, where nine in ten test images are.`;
}

function tableOf(latent, ranges) {
  const rows = ranges.map(([low, high], index) => element("tr", {}, element("th", { scope: "row" }, index + 1),
    element("td", {}, figure(latent[index])), element("td", {}, `${figure(low)} to ${figure(high)}`), element("td", {}, isOutside(latent[index], [low, high]) ? "outside" : "within")));
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "The latent vector" }, element("table", {},
    element("caption", {}, "The latent vector, and where nine in ten test images lie"),
    element("thead", {}, element("tr", {}, ["number", "value", "usual range", "lies"].map((name) => element("th", { scope: "col" }, name)))), element("tbody", {}, rows)));
}
