// What the model makes of an image: what it sees, what it rebuilds, where these differ, how unusual that is, and the latent vector.

import { createBars } from "./bars.js";
import * as calls from "./calls.js";
import { curlButton } from "./curl.js";
import { element } from "./dom.js";
import { figure, plural } from "./format.js";
import { errorMap, paint } from "./pixels.js";
import { createVerdict } from "./verdict.js";

const PICTURES = { seen: "What the model sees", rebuilt: "What it rebuilds", differs: "Where they differ" };
const ENDS = { a: "A", b: "B" };

/** A place for findings: { node, notice, name(text), see(image), show(subject or null) }; `setEnd(end)` is called by "Set as A". */
export function createFindings(sample, choice, setEnd, announce) {
  const size = sample.image;
  const pictures = Object.fromEntries(Object.entries(PICTURES).map(([key, text]) => [key, createPicture(size, text)]));
  const key = size.channels === 1 ? "blue: too dark, red: too light" : "the redder, the further apart";
  const title = element("h3", {});
  const notice = element("div", { class: "notice" });
  const verdict = createVerdict();
  const bars = createBars(sample);
  let subject = null;
  const ends = Object.entries(ENDS).map(([end, letter]) =>
    element("button", { type: "button", class: "button", onclick: () => setEnd(end) }, `Set as ${letter}`));
  const curls = [
    curlButton("the reconstruction", () => subject.call, announce),
    curlButton("the latent vector", () => calls.encode(choice, { json: subject.call.json }), announce),
  ];

  function show(found) {
    subject = found;
    const isWhole = Boolean(found?.reconstruction);
    for (const button of curls) button.disabled = !isWhole;
    for (const button of ends) button.disabled = !found?.image;
    pictures.seen.show(found?.image ?? null, `${size.width} × ${size.height} pixels`);
    pictures.rebuilt.show(isWhole ? found.reconstruction : null, `from ${plural(sample.latentDim, "number")}`);
    pictures.differs.show(isWhole ? errorMap(found.image, found.reconstruction) : null, key, isWhole && tellDifference(found));
    verdict.show(isWhole ? found : null);
    bars.show(isWhole ? found.latent : null);
  }

  show(null);
  const node = element("div", { class: "findings" },
    element("div", { class: "card" },
      element("div", { class: "row head" }, title, element("div", { class: "row ends" }, ends)),
      notice,
      element("div", { class: "pictures" }, Object.values(pictures).map((picture) => picture.node)),
      verdict.node, element("div", { class: "row head" }, verdict.note, curls[0])),
    element("div", { class: "card" },
      element("div", { class: "row head" }, element("h3", {}, "The latent vector"), curls[1]), bars.node));
  return {
    node,
    notice,
    show,
    name: (text) => (title.textContent = text),
    /** What is drawn, at once: what the model makes of it follows. */
    see: (image) => pictures.seen.show(image, `${size.width} × ${size.height} pixels`),
    /** Mark which ends of the interpolation this is. */
    mark: (marked) => ends.forEach((button, place) => button.setAttribute("aria-pressed", String(marked[place]))),
  };
}

function createPicture({ width, height }, text) {
  const canvas = element("canvas", { class: "pixelated", role: "img", width, height });
  canvas.style.setProperty("aspect-ratio", `${width} / ${height}`);
  const detail = element("span", { class: "note" });
  const show = (image, more, spoken = more) => {
    if (image) paint(canvas, image);
    else canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    canvas.classList.toggle("none", !image);
    detail.textContent = image ? more : "";
    canvas.setAttribute("aria-label", `${text}: ${image ? spoken : "nothing yet"}`);
  };
  return { node: element("figure", {}, canvas, element("figcaption", {}, text, detail)), show };
}

/** Where the error is largest, since a map of it says nothing to those who do not see it. */
function tellDifference({ image, reconstruction }) {
  const { width, channels, values } = image;
  const place = values.reduce((worst, value, at) => (errorAt(at) > errorAt(worst) ? at : worst), 0);
  const pixel = Math.floor(place / channels);
  return `most, by ${figure(errorAt(place))}, in row ${Math.floor(pixel / width) + 1}, column ${(pixel % width) + 1}`;

  function errorAt(at) {
    return Math.abs(values[at] - reconstruction.values[at]);
  }
}
