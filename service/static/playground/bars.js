// A latent vector as bars, each before the range that is usual for its component.

import { details, element, fill, shape, table } from "./dom.js";
import { figure } from "./format.js";
import { findRanges } from "./plane.js";

const MOST_NAMED = 6;
const ROOM = 1.15; // how far the drawing goes beyond the usual ranges

export function createBars(sample) {
  const ranges = findRanges(sample.latents, sample.latentDim);
  const limit = ROOM * Math.max(1e-9, ...ranges.flatMap(({ low, high }) => [Math.abs(low), Math.abs(high)]));
  const bars = ranges.map((_, index) => shape("rect.value", { x: index + 0.24, width: 0.52 }));
  const drawing = shape("svg", { viewBox: `0 ${-limit} ${ranges.length} ${2 * limit}`, preserveAspectRatio: "none", role: "img" },
    ranges.map(({ low, high }, index) => shape("rect.band", { x: index + 0.06, width: 0.88, y: -high, height: high - low })),
    bars, shape("line.zero", { x1: 0, x2: ranges.length, y1: 0, y2: 0 }));
  const text = element("p.note");
  const numbers = details("As a table");
  let latent = null;
  const isOutside = (index) => latent[index] < ranges[index].low || latent[index] > ranges[index].high;
  const usual = ({ low, high }) => `${figure(low)} to ${figure(high)}`;

  drawing.addEventListener("pointermove", ({ clientX }) => {
    const { left, width } = drawing.getBoundingClientRect();
    const index = Math.max(0, Math.min(ranges.length - 1, Math.floor(((clientX - left) / width) * ranges.length)));
    if (latent) text.textContent = `Number ${index + 1} is ${figure(latent[index])}, usually ${usual(ranges[index])}.`;
  });
  drawing.addEventListener("pointerleave", () => show(latent));

  function show(vector) {
    latent = vector;
    numbers.hidden = latent === null;
    bars.forEach((bar, index) => {
      const shown = Math.max(-limit, Math.min(limit, latent?.[index] ?? 0));
      bar.setAttribute("y", -Math.max(0, shown));
      bar.setAttribute("height", Math.abs(shown));
      bar.classList.toggle("outside", latent !== null && isOutside(index));
    });
    text.textContent = latent ? summarise() : "No image yet.";
    drawing.ariaLabel = `The latent vector. ${text.textContent}`;
    fill(numbers, numbers.firstChild, latent && table("The latent vector, and where nine in ten test images lie", ["number", "value", "usual range", "lies"],
      ranges.map((range, index) => [index + 1, figure(latent[index]), usual(range), isOutside(index) ? "outside" : "within"])));
  }

  function summarise() {
    const outside = [...ranges.keys()].filter(isOutside).map((index) => index + 1);
    if (outside.length === 0) return `${latent.length === 1 ? "The number lies" : `All ${latent.length} numbers lie`} in the grey bands, where nine in ten test images are.`;
    const more = outside.length > MOST_NAMED ? ` and ${outside.length - MOST_NAMED} more` : "";
    const subject = outside.length === 1 ? `Number ${outside[0]} lies` : `Numbers ${outside.slice(0, MOST_NAMED).join(", ")}${more} lie`;
    return `${subject} outside the grey bands, where nine in ten test images are.`;
  }

  return { node: element("div.bars", drawing, text, numbers), show };
}
