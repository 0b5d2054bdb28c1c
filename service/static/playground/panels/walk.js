// The plane of the two main components of the latents, to be walked on: every place is an image.

import * as calls from "../calls.js";
import { createComponents } from "../components.js";
import { curlButton } from "../curl.js";
import { element, fill } from "../dom.js";
import { latentOf, randomRow, typicalRows } from "../ends.js";
import { count, figure, percent } from "../format.js";
import { centresOf, createGround } from "../ground.js";
import { newestWins } from "../newest.js";
import { open, waiting } from "../panel.js";
import { paint, readBase64 } from "../pixels.js";
import { findPlane, findRanges, moveTo, project, usualDistance } from "../plane.js";
import { showProblem } from "../problem.js";
import { refer } from "../sample.js";
import { onTheme } from "../theme.js";

export function mount(root, context) {
  const body = open(root, "Walk through latent space",
    "Each place in latent space is an image. Drag over the plane, or move single numbers, and see what the model makes of it.");
  let walk = null;
  context.state.on(["sample", "subject", "a", "b", "hover"], (now) => {
    if (now.sample !== (walk?.sample ?? null)) {
      walk?.close();
      walk = now.sample && createWalk(now, context);
      fill(body, walk ? walk.nodes : waiting());
    }
    walk?.follow(now);
  });
  onTheme(() => walk?.repaint());
}

/** All of the panel for one model. */
function createWalk({ sample, choice }, { state, api, announce }) {
  const plane = findPlane(sample.latents, sample.latentDim);
  const far = usualDistance(sample);
  const life = new AbortController();
  const options = { signal: life.signal };
  const host = element("div", { class: "notice" });
  const here = createPicture("Decoded from here");
  const near = createPicture("Nearest test image");
  const where = element("p", { class: "where" });
  const ground = createGround(sample, plane, far, { walk: walkOnPlane, home: goBack });
  const components = createComponents(findRanges(sample.latents, sample.latentDim), changeComponent);
  const decode = newestWins(decodeNow);
  let [start, startName, latent, image, nearest, isSpoken] = [null, "", null, null, null, false];

  /** Be at a place; what is shown of the image follows as soon as the service answers. */
  function be(place) {
    latent = place;
    [nearest] = sample.nearest("latent", latent, 1);
    components.show(latent);
    showNearest();
    showGround();
    decode(latent);
  }

  function startFrom(place, name) {
    [start, startName] = [Float32Array.from(place), name];
    be(start);
    announce(`Started from ${name}. ${describe()}`);
  }

  function goBack() {
    be(start);
    announce(`Back at ${startName}.`);
  }

  function walkOnPlane(place, by) {
    isSpoken = by === "key";
    be(moveTo(plane, latent, place));
  }

  function changeComponent(index, value) {
    const changed = Float32Array.from(latent);
    changed[index] = value;
    be(changed);
  }

  async function decodeNow(place) {
    try {
      const { images } = await api.json(decodeCall(place), options);
      const decoded = await readBase64(images[0], sample.image.channels);
      if (life.signal.aborted) return;
      image = { latent: place, pixels: decoded };
      showProblem(host, null);
      here.show(decoded, `What the model makes of this place, ${isFar() ? "far from" : "near"} known images`);
      if (isSpoken && place === latent) announce(describe());
    } catch (error) {
      if (!life.signal.aborted) showProblem(host, error);
    }
  }

  const decodeCall = (place) => calls.decode(choice, [[...place]]);
  const isFar = () => nearest.distance > far;
  const isThere = () => nearest.distance <= 1e-4 * far;

  /** The place in words. */
  function describe() {
    if (isThere()) return `At ${sample.name(nearest.row)}.`;
    return `${isFar() ? "Far from data" : "Near data"}: ${figure(nearest.distance)} from ${sample.name(nearest.row)}.`;
  }

  function showNearest() {
    near.setText(sample.name(nearest.row));
    fill(where, element("strong", { class: isFar() ? "far" : "near" }, isFar() ? "◌ Far from data" : "● Near data"),
      isThere() ? " This is the place of a test image." : ` The nearest test image is ${figure(nearest.distance)} away.`,
      ` Of 100 test images, 99 have another within ${figure(far)}`, isFar() ? ": here the model invents." : ".");
    near.show(sample.tile(nearest.row), `The nearest test image: ${sample.name(nearest.row)}`);
  }

  function showGround() {
    const { a, b, hover, sample: now } = state.get();
    const marks = now === sample ? [["A", a], ["B", b]].filter(([, end]) => end?.latent).map(([text, end]) => [text, end.latent]) : [];
    ground.show({ latent, marks, ring: now === sample ? hover : null, near: nearest.row });
    const [x, y] = project(plane, latent).map(figure);
    ground.node.setAttribute("aria-label", `Plane of the two main components. You are at ${x}, ${y}. ${describe()}`);
  }

  /** The place as an image in the store: once it is decoded, since others show its pixels. */
  function toSubject() {
    return { kind: "latent", row: null, image: image.pixels, latent: image.latent };
  }

  function give(field, told) {
    if (image === null) return;
    state.set({ [field]: toSubject() });
    announce(told);
  }

  async function startFromSubject() {
    const { subject } = state.get();
    try {
      startFrom(await latentOf(api, choice, sample, subject, options), "the image looked at");
    } catch (error) {
      showProblem(host, error);
    }
  }

  function startFromRow(row) {
    startFrom(sample.latent(row), sample.name(row));
  }

  const button = (text, onclick, more = {}) => element("button", { type: "button", class: "button", onclick, ...more }, text);
  const ofSubject = button("The image looked at", startFromSubject);
  const starts = element("div", { class: "row", role: "group", "aria-label": "Start from" }, element("span", { class: "note" }, "Start from"), ofSubject,
    button("Random image", () => startFromRow(randomRow(sample, null))), button("The middle", () => startFrom(plane.mean, "the mean of all images")),
    button("Back to the start", goBack));
  const uses = element("div", { class: "row", role: "group", "aria-label": "Use this image" }, element("span", { class: "note" }, "Use this image"),
    button("Look at it", () => give("subject", "It is now the image looked at.")), button("Set as A", () => give("a", "Set as A.")), button("Set as B", () => give("b", "Set as B.")),
    curlButton("the decoded image", () => decodeCall(latent), announce));
  near.node.append(button("Start here", () => startFromRow(nearest.row), { "aria-label": "Start from the nearest test image" }));
  return {
    sample,
    nodes: [
      element("div", { class: "card land" }, ground.node,
        element("div", { class: "view" }, element("div", { class: "pictures" }, here.node, near.node), element("div", { class: "side" }, where, host, starts, uses)),
        element("div", { class: "legend" }, explain(sample, plane), tabulate(sample, plane))),
      element("div", { class: "card" }, element("h3", {}, "One number at a time"),
        element("p", { class: "note" }, "Those that vary most come first. The bar behind a slider is where 90 of 100 test images are."), components.node),
    ],
    follow({ subject }) {
      ofSubject.disabled = subject === null;
      if (latent === null) [start, startName] = [sample.latent(typicalRows(sample)[0]), "a typical image"];
      if (latent === null) be(start);
      else showGround();
    },
    repaint: () => ground.repaint(),
    close() {
      life.abort();
      ground.close();
    },
  };
}

/** A picture with its text, painted as soon as it is known. */
function createPicture(title) {
  const canvas = element("canvas", { class: "pixelated", role: "img", "aria-label": title });
  const text = element("span", { class: "note" });
  return {
    node: element("figure", {}, canvas, element("figcaption", {}, element("strong", {}, title), text)),
    setText: (words) => (text.textContent = words),
    show(pixels, label) {
      paint(canvas, pixels);
      canvas.setAttribute("aria-label", label);
    },
  };
}

function explain(sample, { shares }) {
  const name = sample.latentDim > 1 ? "the two main components" : "the only component";
  return element("p", { class: "note", id: "walk-keys" },
    `The plane of ${name} of latent space, which hold ${percent(shares[0] + shares[1], 0)} of the spread of ${count(sample.count)} test images. `,
    "It is shaded where it is far from all of them. Arrow keys walk, with Shift in longer steps; Home leads back to the start.");
}

function tabulate(sample, plane) {
  const rows = centresOf(sample, plane).map(({ label, count: images, place }) => element("tr", {},
    element("th", { scope: "row" }, label === null ? "all" : (sample.classes[label] ?? String(label))),
    element("td", {}, count(images)), place.map((value) => element("td", {}, figure(value)))));
  return element("details", {}, element("summary", {}, "Where the classes are, as a table"),
    element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Classes on the plane" }, element("table", {},
      element("caption", {}, "The middle of each class on the plane"),
      element("thead", {}, element("tr", {}, ["class", "images", "to the right", "upwards"].map((text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, rows))));
}
