// What the model makes of an image.

import { createBars } from "./bars.js";
import * as calls from "./calls.js";
import { curlButton } from "./curl.js";
import { button, element } from "./dom.js";
import { figure, plural } from "./format.js";
import { errorMap, paint } from "./pixels.js";
import { createVerdict } from "./verdict.js";

export function createFindings(sample, choice, setEnd, announce) {
  const size = sample.image;
  const [seen, rebuilt, differs] = ["What the model sees", "What it rebuilds", "Where they differ"].map((text) => createPicture(size, text));
  const key = size.channels === 1 ? "blue: too dark, red: too light" : "the redder, the further apart";
  const title = element("h3");
  const notice = element("div.notice");
  const verdict = createVerdict();
  const bars = createBars(sample);
  let subject = null;
  const ends = ["a", "b"].map((end) => button(`Set as ${end.toUpperCase()}`, () => setEnd(end)));
  const curls = [
    curlButton("the reconstruction", () => subject.call, announce),
    curlButton("the latent vector", () => calls.encode(choice, subject.call.json.images), announce),
  ];

  const see = (image) => seen.show(image, `${size.width} × ${size.height} pixels`);

  function show(found) {
    subject = found;
    const whole = found?.reconstruction ? found : null;
    for (const one of curls) one.disabled = !whole;
    for (const one of ends) one.disabled = !found?.image;
    see(found?.image);
    rebuilt.show(whole?.reconstruction, `from ${plural(sample.latentDim, "number")}`);
    differs.show(whole && errorMap(whole.image, whole.reconstruction), key, whole && tellDifference(whole));
    verdict.show(whole);
    bars.show(whole && whole.latent);
  }

  show(null);
  return {
    node: element("div.findings",
      element("div.card", element("div.row.head", title, element("div.row.ends", ends)), notice,
        element("div.pictures", seen.node, rebuilt.node, differs.node), verdict.node, element("div.row.head", verdict.note, curls[0])),
      element("div.card", element("div.row.head", element("h3", "The latent vector"), curls[1]), bars.node)),
    notice,
    show,
    name: (text) => (title.textContent = text),
    see,
    mark: (marked) => ends.forEach((one, place) => (one.ariaPressed = marked[place])),
  };
}

function createPicture({ width, height }, text) {
  const canvas = element("canvas.pixelated", { role: "img", width, height });
  const detail = element("span.note");
  const show = (image, more, spoken = more) => {
    if (image) paint(canvas, image);
    else canvas.width = width; // which clears it
    canvas.classList.toggle("none", !image);
    detail.textContent = image ? more : "";
    canvas.ariaLabel = `${text}: ${image ? spoken : "nothing yet"}`;
  };
  return { node: element("figure", canvas, element("figcaption", text, detail)), show };
}

/** Where the error is largest, since a map of it says nothing to those who do not see it. */
function tellDifference({ image: { width, channels, values }, reconstruction }) {
  const errors = values.map((value, at) => Math.abs(value - reconstruction.values[at]));
  const most = errors.reduce((one, other) => Math.max(one, other));
  const pixel = Math.floor(errors.indexOf(most) / channels);
  return `most, by ${figure(most)}, in row ${Math.floor(pixel / width) + 1}, column ${(pixel % width) + 1}`;
}
