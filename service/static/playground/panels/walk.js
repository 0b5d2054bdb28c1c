// The plane of the two main components of the latents, to be walked on: every place is an image.

import * as calls from "../calls.js";
import { createComponents } from "../components.js";
import { curlButton } from "../curl.js";
import { element, fill } from "../dom.js";
import { latentOf, randomRow, typicalRows } from "../ends.js";
import { count, figure, percent } from "../format.js";
import { centresOf, createGround } from "../ground.js";
import { createLine } from "../line.js";
import { open, waiting } from "../panel.js";
import { paint, readBase64 } from "../pixels.js";
import { findPlane, findRanges, moveTo, project, usualDistance } from "../plane.js";
import { showProblem } from "../problem.js";
import { onTheme } from "../theme.js";

export function mount(root, context) {
  const body = open(root, "Walk through latent space",
    "Each place in latent space is an image. Drag over the plane, or move single numbers, and see what the model makes of it.");
  let walk = null;
  context.state.on(["sample", "subject", "a", "b", "hover"], (now) => {
    if (now.sample !== (walk?.sample ?? null)) {
      walk?.close();
      walk = now.sample && new Walk(now, context);
      fill(body, walk ? walk.nodes : waiting());
    }
    walk?.follow(now);
  });
  onTheme(() => walk?.repaint());
}

/** All of the panel for one model. */
class Walk {
  #state;
  #api;
  #choice;
  #announce;
  #plane;
  #far; // a distance: what is farther from each known image is far from data
  #life = new AbortController();
  #start;
  #startName = "a typical image";
  #latent = null; // the place
  #nearest = null; // { row, distance }
  #image = null; // { latent, pixels } of what was decoded last
  #isSpoken = false; // whether the place is to be said, since it was come to by keys
  #decoding = createLine((latent) => this.#decodeNow(latent));
  #host = element("div", { class: "notice" });
  #here = createPicture("Decoded from here");
  #near = createPicture("Nearest test image");
  #where = element("p", { class: "where" });
  #ofSubject = createButton("The image looked at", () => this.#startFromSubject());
  #ground;
  #components;

  constructor({ sample, choice }, { state, api, announce }) {
    this.sample = sample;
    this.#state = state;
    this.#api = api;
    this.#choice = choice;
    this.#announce = announce;
    this.#plane = findPlane(sample.latents, sample.latentDim);
    this.#far = usualDistance(sample);
    this.#start = sample.latent(typicalRows(sample)[0]);
    this.#ground = createGround(sample, this.#plane, this.#far, { walk: (place, by) => this.#walk(place, by), home: () => this.#goBack() });
    this.#components = createComponents(findRanges(sample.latents, sample.latentDim), (index, value) => this.#change(index, value));
    this.nodes = this.#layOut();
  }

  follow({ subject }) {
    this.#ofSubject.disabled = subject === null;
    if (this.#latent === null) this.#be(this.#start);
    else this.#showGround();
  }

  repaint() {
    this.#ground.repaint();
  }

  close() {
    this.#life.abort();
    this.#ground.close();
  }

  #layOut() {
    const { sample } = this;
    const starts = createGroup("Start from", this.#ofSubject,
      createButton("Random image", () => this.#startFromRow(randomRow(sample, null))),
      createButton("The middle", () => this.#startFrom(this.#plane.mean, "the mean of all images")),
      createButton("Back to the start", () => this.#goBack()));
    const uses = createGroup("Use this image", createButton("Look at it", () => this.#give("subject", "It is now the image looked at.")),
      createButton("Set as A", () => this.#give("a", "Set as A.")), createButton("Set as B", () => this.#give("b", "Set as B.")),
      curlButton("the decoded image", () => this.#decodeCall(this.#latent), this.#announce));
    this.#near.node.append(createButton("Start here", () => this.#startFromRow(this.#nearest.row), { "aria-label": "Start here, from the nearest test image" }));
    return [
      element("div", { class: "card land" }, this.#ground.node,
        element("div", { class: "view" }, element("div", { class: "pictures" }, this.#here.node, this.#near.node),
          element("div", { class: "side" }, this.#where, this.#host, starts, uses)),
        element("div", { class: "legend" }, explain(sample, this.#plane), tabulate(sample, this.#plane))),
      element("div", { class: "card" }, element("h3", {}, "One number at a time"),
        element("p", { class: "note" }, "Those that vary most come first. The bar behind a slider is where 90 of 100 test images are."), this.#components.node),
    ];
  }

  /** Be at a place; its image follows as soon as the service answers. */
  #be(latent) {
    this.#latent = latent;
    [this.#nearest] = this.sample.nearest("latent", latent, 1);
    this.#components.show(latent);
    this.#showNearest();
    this.#showGround();
    this.#decoding.ask(latent);
  }

  #walk(place, by) {
    this.#isSpoken = by === "key";
    this.#be(moveTo(this.#plane, this.#latent, place));
  }

  #change(index, value) {
    const changed = Float32Array.from(this.#latent);
    changed[index] = value;
    this.#isSpoken = false; // the slider speaks for itself
    this.#be(changed);
  }

  #startFrom(latent, name) {
    [this.#start, this.#startName] = [Float32Array.from(latent), name];
    this.#be(this.#start);
    this.#announce(`Started from ${name}. ${this.#describe()}`);
  }

  #startFromRow(row) {
    this.#startFrom(this.sample.latent(row), this.sample.name(row));
  }

  async #startFromSubject() {
    const { signal } = this.#life;
    try {
      const latent = await latentOf(this.#api, this.#choice, this.sample, this.#state.get().subject, { signal });
      this.#startFrom(latent, "the image looked at");
    } catch (error) {
      if (!signal.aborted) showProblem(this.#host, error);
    }
  }

  #goBack() {
    this.#be(this.#start);
    this.#announce(`Back at ${this.#startName}.`);
  }

  #decodeCall(latent) {
    return calls.decode(this.#choice, [[...latent]]);
  }

  async #decodeNow(latent) {
    const { signal } = this.#life;
    try {
      const { images } = await this.#api.json(this.#decodeCall(latent), { signal });
      const pixels = await readBase64(images[0], this.sample.image.channels);
      if (!signal.aborted) this.#showDecoded(latent, pixels);
    } catch (error) {
      if (!signal.aborted) showProblem(this.#host, error);
    }
  }

  #showDecoded(latent, pixels) {
    this.#image = { latent, pixels };
    showProblem(this.#host, null);
    this.#here.show(pixels, `What the model makes of this place, ${this.#isFar() ? "far from" : "near"} known images`);
    if (this.#isSpoken && latent === this.#latent) this.#announce(this.#describe());
  }

  /** Give what is seen to the other panels. */
  #give(field, told) {
    if (this.#image === null) return;
    const { latent, pixels } = this.#image;
    this.#state.set({ [field]: { kind: "latent", row: null, image: pixels, latent } });
    this.#announce(told);
  }

  #isFar() {
    return this.#nearest.distance > this.#far;
  }

  #isAtImage() {
    return this.#nearest.distance <= 1e-4 * this.#far;
  }

  /** The place in words. */
  #describe() {
    const name = this.sample.name(this.#nearest.row);
    if (this.#isAtImage()) return `At ${name}.`;
    return `${this.#isFar() ? "Far from data" : "Near data"}: ${figure(this.#nearest.distance)} from ${name}.`;
  }

  #showNearest() {
    const { row, distance } = this.#nearest;
    const isFar = this.#isFar();
    this.#near.show(this.sample.tile(row), `The nearest test image: ${this.sample.name(row)}`, this.sample.name(row));
    fill(this.#where, element("strong", { class: isFar ? "far" : "near" }, isFar ? "◌ Far from data" : "● Near data"),
      this.#isAtImage() ? " This is the place of a test image." : ` The nearest test image is ${figure(distance)} away.`,
      ` Of 100 test images, 99 have another within ${figure(this.#far)}`, isFar ? ": here the model invents." : ".");
  }

  #showGround() {
    const { a, b, hover } = this.#state.get();
    const marks = [["A", a], ["B", b]].filter(([, end]) => end?.latent).map(([text, end]) => [text, end.latent]);
    const [x, y] = project(this.#plane, this.#latent).map(figure);
    this.#ground.show({ latent: this.#latent, marks, ring: hover, near: this.#nearest.row });
    this.#ground.node.setAttribute("aria-label", `Plane of the two main components. You are at ${x}, ${y}. ${this.#describe()}`);
  }
}

/** A picture with its text, painted as soon as it is known. */
function createPicture(title) {
  const canvas = element("canvas", { class: "pixelated", role: "img", "aria-label": title });
  const note = element("span", { class: "note" });
  return {
    node: element("figure", {}, canvas, element("figcaption", {}, element("strong", {}, title), note)),
    show(pixels, label, text = "") {
      paint(canvas, pixels);
      canvas.setAttribute("aria-label", label);
      note.textContent = text;
    },
  };
}

function createButton(text, onclick, more = {}) {
  return element("button", { type: "button", class: "button", onclick, ...more }, text);
}

function createGroup(title, ...buttons) {
  return element("div", { class: "row", role: "group", "aria-label": title }, element("span", { class: "note" }, title), buttons);
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
