// The plane of the two main components of the latents, to be walked on: every place is an image.

import * as calls from "../calls.js";
import { createComponents } from "../components.js";
import { curlButton } from "../curl.js";
import { button, details, element, fill, table } from "../dom.js";
import { latentOf, randomRow, typicalRows } from "../ends.js";
import { count, figure, percent } from "../format.js";
import { centresOf, createGround } from "../ground.js";
import { createLine } from "../line.js";
import { followSample } from "../panel.js";
import { paint, readBase64 } from "../pixels.js";
import { findPlane, findRanges, moveTo, project, usualDistance } from "../plane.js";
import { showProblem } from "../problem.js";

export function mount(body, context) {
  followSample(body, context.state, ["subject", "a", "b", "hover"], (now) => createWalk(now, context));
}

function createWalk({ sample, choice }, { state, api, announce }) {
  const plane = findPlane(sample.latents, sample.latentDim);
  const far = usualDistance(sample); // what is farther from each known image is far from data
  const life = new AbortController();
  const { signal } = life;
  let [start, startName] = [sample.latent(typicalRows(sample)[0]), "a typical image"];
  let place = null; // a latent
  let nearest = null; // { row, distance }
  let image = null; // { latent, pixels } of what was decoded last
  let isSpoken = false; // whether the place is to be said, since it was come to by keys

  const decoding = createLine(decode);
  const host = element("div.notice");
  const here = createPicture("Decoded from here");
  const near = createPicture("Nearest test image",
    button("Start here", () => startFromRow(nearest.row), { "aria-label": "Start here, from the nearest test image" }));
  const where = element("p.note.where");
  const ofSubject = button("The image looked at", startFromSubject);
  const ground = createGround(sample, plane, far, { walk, home: goBack });
  const components = createComponents(findRanges(sample.latents, sample.latentDim), change);

  /** Be at a place; its image follows as soon as the service answers. */
  function be(latent) {
    place = latent;
    [nearest] = sample.nearest("latent", latent, 1);
    components.show(latent);
    showNearest();
    showGround();
    decoding.ask(latent);
  }

  function walk(to, by) {
    isSpoken = by === "key";
    be(moveTo(plane, place, to));
  }

  function change(index, value) {
    isSpoken = false; // the slider speaks for itself
    be(place.with(index, value));
  }

  function startFrom(latent, name) {
    [start, startName] = [Float32Array.from(latent), name];
    be(start);
    announce(`Started from ${name}. ${describe()}`);
  }

  function startFromRow(row) {
    startFrom(sample.latent(row), sample.name(row));
  }

  async function startFromSubject() {
    try {
      startFrom(await latentOf(api, choice, sample, state.get().subject, { signal }), "the image looked at");
    } catch (error) {
      showProblem(host, error);
    }
  }

  function goBack() {
    be(start);
    announce(`Back at ${startName}.`);
  }

  const decodeCall = (latent) => calls.decode(choice, [[...latent]]);

  async function decode(latent) {
    try {
      const { images } = await api.json(decodeCall(latent), { signal });
      image = { latent, pixels: await readBase64(images[0], sample.image.channels) };
      showProblem(host, null);
      here.show(image.pixels, `What the model makes of this place, ${isFar() ? "far from" : "near"} known images`);
      if (isSpoken && latent === place && !signal.aborted) announce(describe());
    } catch (error) {
      showProblem(host, error);
    }
  }

  function give(field, told) {
    if (image === null) return;
    state.set({ [field]: { kind: "latent", row: null, image: image.pixels, latent: image.latent } });
    announce(told);
  }

  const isFar = () => nearest.distance > far;
  const isAtImage = () => nearest.distance <= 1e-4 * far;

  function describe() {
    const name = sample.name(nearest.row);
    return isAtImage() ? `At ${name}.` : `${isFar() ? "Far from data" : "Near data"}: ${figure(nearest.distance)} from ${name}.`;
  }

  function showNearest() {
    const name = sample.name(nearest.row);
    near.show(sample.tile(nearest.row), `The nearest test image: ${name}`, name);
    fill(where, isFar() ? element("strong.far", "◌ Far from data") : element("strong", "● Near data"),
      isAtImage() ? " This is the place of a test image." : ` The nearest test image is ${figure(nearest.distance)} away.`,
      ` Of 100 test images, 99 have another within ${figure(far)}`, isFar() ? ": here the model invents." : ".");
  }

  function showGround() {
    const { a, b, hover } = state.get();
    const marks = Object.entries({ A: a, B: b }).filter(([, end]) => end?.latent).map(([text, { latent }]) => [text, latent]);
    const [x, y] = project(plane, place).map(figure);
    ground.show({ latent: place, marks, ring: hover, near: nearest.row });
    ground.node.ariaLabel = `Plane of the main components. You are at ${x}, ${y}. ${describe()}`;
  }

  return {
    nodes: [
      element("div.card.land", ground.node,
        element("div.view", element("div.pictures", here.node, near.node),
          element("div.side", where, host,
            group("Start from", ofSubject, button("Random image", () => startFromRow(randomRow(sample, null))),
              button("The middle", () => startFrom(plane.mean, "the mean of all images")), button("Back to the start", goBack)),
            group("Use this image", button("Look at it", () => give("subject", "It is now the image looked at.")),
              button("Set as A", () => give("a", "Set as A.")), button("Set as B", () => give("b", "Set as B.")),
              curlButton("the decoded image", () => decodeCall(place), announce)))),
        element("div.legend", explain(sample, plane), details("Where the classes are, as a table",
          table("The middle of each class on the plane", ["class", "images", "to the right", "upwards"],
            centresOf(sample, plane).map((one) => [one.name || "all", count(one.count), ...one.place.map(figure)]))))),
      element("div.card", element("h3", "One number at a time"),
        element("p.note", "Those that vary most come first. The bar behind a slider is where 90 of 100 test images are."), components.node),
    ],
    follow({ subject }) {
      ofSubject.disabled = subject === null;
      if (place === null) be(start);
      else showGround();
    },
    repaint: ground.repaint,
    close() {
      life.abort();
      ground.close();
    },
  };
}

function createPicture(title, ...more) {
  const canvas = element("canvas.pixelated", { role: "img", "aria-label": title });
  const note = element("span.note");
  return {
    node: element("figure", canvas, element("figcaption", element("strong", title), note), more),
    show(pixels, label, text = "") {
      paint(canvas, pixels);
      canvas.ariaLabel = label;
      note.textContent = text;
    },
  };
}

function group(title, ...buttons) {
  return element("div.row", { role: "group", "aria-label": title }, element("span.note", title), buttons);
}

function explain(sample, { shares }) {
  const name = sample.latentDim > 1 ? "the two main components" : "the only component";
  return element("p.note", { id: "walk-keys" },
    `The plane of ${name} of latent space, with ${percent(shares[0] + shares[1], 0)} of the spread of ${count(sample.count)} test images. `,
    "It is shaded where it is far from all of them. Arrow keys walk, with Shift in longer steps; Home leads back to the start.");
}
