// The maps of both spaces, linked.

import * as calls from "../calls.js";
import { classColours } from "../colours.js";
import { curlButton } from "../curl.js";
import { element, fill } from "../dom.js";
import { plural } from "../format.js";
import { showPin, showSelection, showTable } from "../map_detail.js";
import { save, toCsv, toPng } from "../map_export.js";
import { showLegend } from "../map_legend.js";
import { numbersOfAnswer, numbersOfModel, showComparison, showNumbers } from "../map_numbers.js";
import { MapPlot } from "../map_plot.js";
import { fit, place } from "../map_points.js";
import { Recompute } from "../map_recompute.js";
import { MapSubject } from "../map_subject.js";
import { readView, writeViews } from "../map_view.js";
import { open, waiting } from "../panel.js";
import { refer } from "../sample.js";
import { isDark, onTheme, token } from "../theme.js";

const TITLES = { image: "Image space", latent: "Latent space" };
const MOST_PINS = 6;
const WRITE_VIEW_MS = 250;
const CAUTIONS = [
  "Who is next to whom means much; distances between clusters and their sizes mean little.",
  "A map can tear a class apart, or draw clusters where there are none: recompute with another perplexity (more or fewer neighbours are minded) and seed (it begins elsewhere). What stays is in the data.",
  "The axes have no meaning, and a mirrored or turned map is the same map.",
  "KL divergence says how well a map fits its own space: do not compare it between spaces.",
];

export function mount(root, context) {
  const body = open(root, "Two maps of the same images", "Each point is a test image. The first map puts those close whose pixels are alike; the second, those whose latent vectors are.");
  new Maps(body, context);
}

class Maps {
  #sample = undefined; // null while there is none
  #maps = {}; // coordinates as they came, by space
  #isOwn = true; // the bundle's own maps, and not computed anew
  #shown = new Uint8Array();
  #timer = 0;

  constructor(body, context) {
    Object.assign(this, context, { body });
    this.plots = Object.fromEntries(Object.entries(TITLES).map(([space, title]) => [space, new MapPlot(space, title, this.#hearing(space))]));
    this.subject = new MapSubject(context, () => this.#mark());
    this.recompute = new Recompute(context, {
      begin: () => this.#measure(null), progress: (space, coordinates) => this.#move(space, coordinates, false), end: (answer) => this.#receive(answer), back: () => this.#showOwn(),
    });
    this.#build();
    onTheme(() => this.#sample && (Object.values(this.plots).forEach((plot) => plot.colour()), this.#dress(), this.#detail()));
    this.state.on(["sample", "model"], (now) => this.#open(now));
    this.state.on(["hiddenClasses", "selection"], () => this.#sample && (this.#dress(), this.#showSelection()));
    this.state.on(["pins"], () => this.#sample && this.#showPins());
    this.state.on(["hover", "pins"], () => this.#sample && this.#mark());
    this.state.on(["subject"], ({ subject }) => this.#sample && this.subject.follow(subject));
  }

  #build() {
    const button = (text, act, rest) => element("button", { type: "button", class: "button", onclick: act, ...rest }, text);
    this.tools = ["pan", "lasso"].map((tool) => button(tool === "pan" ? "Pan" : "Lasso", () => this.#choose(tool), { "aria-pressed": String(tool === "pan"), "data-tool": tool }));
    this.legend = element("div");
    this.foot = { image: element("div"), latent: element("div") };
    this.tables = Object.fromEntries(Object.keys(TITLES).map((space) => [space, element("details", { ontoggle: () => this.#showTable(space) }, element("summary", {}, "The points in view as a table"), element("div"))]));
    this.verdict = element("div", { class: "card verdict" });
    this.pins = element("ol", { class: "pins", "aria-label": "Pinned points" });
    this.hint = element("p", { class: "note" }, "Point at a dot to see its image, and choose it to see its nearest neighbours in both spaces.");
    this.selection = element("section", { class: "card selection", "aria-label": "Selection", hidden: true });
    this.content = [
      element("div", { class: "row toolbar", role: "toolbar", "aria-label": "Tools of the maps" }, this.tools, button("Select all in view", () => this.#selectInView()),
        element("span", { class: "note hint" }, "Wheel, pinch or + and − zoom; drag to pan.")),
      element("div", { class: "pair" }, Object.entries(this.plots).map(([space, plot]) => element("div", { class: "card map" },
        element("div", { class: "top" }, element("h3", {}, plot.title), plot.buttons), plot.window, plot.help, this.foot[space], this.tables[space]))),
      this.legend, this.recompute.form, this.subject.line, this.hint, this.pins, this.selection,
      element("div", { class: "grid" }, this.verdict,
        element("div", { class: "card" }, element("h3", {}, "How to read such maps"), element("ul", { class: "note cautions" }, CAUTIONS.map((text) => element("li", {}, text))))),
      element("div", { class: "row" }, button("Download PNG", () => this.#savePng()), button("Download CSV", () => this.#saveCsv()),
        curlButton("the maps", () => (this.#isOwn ? calls.showReference(this.state.get().choice) : this.recompute.call), this.announce)),
    ];
  }

  #hearing(space) {
    return {
      hover: (row, by) => this.#hover(row, by),
      pin: (row) => this.#pin(row),
      select: (rows) => this.#select(rows),
      choose: (row) => this.#select(toggled(this.state.get().selection, row)),
      view: () => this.#keepView(space),
    };
  }

  /** Another model, or none yet. */
  #open({ sample, subject, view }) {
    if (sample === this.#sample) return;
    this.#sample = sample;
    this.recompute.open(sample);
    for (const [space, plot] of Object.entries(this.plots)) {
      plot.open(sample);
      plot.view = readView(view, space);
    }
    this.subject.follow(subject);
    if (sample === null) {
      fill(this.body, waiting());
      return;
    }
    this.#dress();
    this.#showOwn();
    this.#detail();
    fill(this.body, this.content);
  }

  #detail() {
    this.#showPins();
    this.#showSelection();
  }

  /** The maps that the bundle has. */
  #showOwn() {
    for (const space of Object.keys(TITLES)) this.#move(space, this.#sample.maps[space], true);
    this.#measure(numbersOfModel(this.state.get().model));
  }

  /** Let the points of a map go to where coordinates say; at first they are there at once. */
  #move(space, coordinates, isOwn) {
    this.#isOwn = isOwn;
    this.#maps[space] = coordinates;
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.plots[space].move(place(coordinates, fit(coordinates)), !isStill && this.plots[space].places.some((value) => value !== 0));
    this.#showTable(space);
  }

  /** A computation ended; without an answer what has moved stays so, and no numbers are known of it. */
  #receive(answer) {
    if (answer === null) {
      if (this.#isOwn) this.#showOwn();
      return;
    }
    for (const { space, coordinates } of answer.maps) this.#move(space, Float32Array.from(coordinates.flat()), false);
    this.#measure(numbersOfAnswer(answer));
  }

  #measure(numbers) {
    for (const space of Object.keys(TITLES)) fill(this.foot[space], showNumbers(numbers?.maps[space]));
    fill(this.verdict, numbers ? showComparison(numbers) : element("p", { class: "note" }, "Which space separates classes better is measured when the maps are finished."));
  }

  #dress() {
    const { hiddenClasses, selection } = this.state.get();
    const { labels, count } = this.#sample;
    this.#shown = Uint8Array.from({ length: count }, (_, row) => (labels !== null && hiddenClasses.includes(labels[row]) ? 0 : 1));
    for (const plot of Object.values(this.plots)) plot.dress(this.#shown, selection);
    const focused = this.legend.contains(document.activeElement) && document.activeElement.dataset.key;
    fill(this.legend, showLegend(this.#sample, this.#colours(), hiddenClasses, (hidden) => this.state.set({ hiddenClasses: hidden })));
    if (focused) this.legend.querySelector(`[data-key="${focused}"]`)?.focus();
    this.#mark();
    for (const space of Object.keys(TITLES)) this.#showTable(space);
  }

  #colours() {
    return classColours(this.#sample.classes.length, isDark());
  }

  #mark() {
    if (this.#sample === null) return;
    const { hover, pins } = this.state.get();
    for (const [space, plot] of Object.entries(this.plots)) plot.mark({ hover, pins, findSubject: () => this.#findSubject(space, plot) });
  }

  /** Where the image being looked at lies on a map now, or null. */
  #findSubject(space, plot) {
    if (this.subject.row !== null) return plot.placeOf(this.subject.row);
    if (space !== "latent") return null;
    return this.subject.placeOn(plot, this.#isOwn ? (coordinates) => place(coordinates, fit(this.#maps.latent)) : null);
  }

  #hover(row, by) {
    this.state.set({ hover: row });
    if (row !== null && by === "key") this.announce(this.#sample.name(row));
  }

  #pin(row) {
    const { pins } = this.state.get();
    const isPinned = pins.includes(row);
    this.state.set({ pins: toggled(pins, row).slice(-MOST_PINS) });
    this.announce(`${isPinned ? "Unpinned" : "Pinned"} ${this.#sample.name(row)}.`);
  }

  #select(rows) {
    this.state.set({ selection: rows });
    this.announce(rows.length === 0 ? "Nothing is selected." : `Selected ${plural(rows.length, "image")}.`);
  }

  /** What is in the window of that map that is looked at nearer. */
  #selectInView() {
    const { image, latent } = this.plots;
    this.#select((image.view.zoom > latent.view.zoom ? image : latent).rowsInView());
  }

  #choose(tool) {
    for (const plot of Object.values(this.plots)) plot.use(tool);
    for (const button of this.tools) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  }

  /** Into the address, once it rests: browsers allow few changes of it. */
  #keepView(space) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.state.set({ view: writeViews(Object.fromEntries(Object.entries(this.plots).map(([name, plot]) => [name, plot.view]))) });
      this.#showTable(space);
    }, WRITE_VIEW_MS);
  }

  #showPins() {
    const { pins } = this.state.get();
    const acts = {
      hover: (row) => this.#hover(row), pin: (row) => this.#pin(row), look: (row) => this.state.set({ subject: refer(this.#sample, row) }),
      setA: (row) => this.state.set({ a: refer(this.#sample, row) }), setB: (row) => this.state.set({ b: refer(this.#sample, row) }),
    };
    this.hint.hidden = pins.length > 0;
    this.pins.hidden = pins.length === 0;
    fill(this.pins, pins.map((row, at) => showPin(this.#sample, row, at + 1, acts)));
  }

  #showSelection() {
    const { selection } = this.state.get();
    this.selection.hidden = selection.length === 0;
    fill(this.selection, selection.length > 0 && showSelection(this.#sample, selection, this.#colours(), { select: (rows) => this.#select(rows) }));
  }

  #showTable(space) {
    const details = this.tables[space];
    if (!details.open || this.#sample === null) return;
    const rows = this.plots[space].rowsInView();
    const map = this.#maps[space];
    fill(details.lastChild, showTable(this.#sample, rows, `${TITLES[space]}: the first of ${plural(rows.length, "point")} in view`, (row) => [map[2 * row], map[2 * row + 1]]));
  }

  async #savePng() {
    const { classes, labels } = this.#sample;
    const colours = this.#colours();
    const legend = labels === null ? [] : classes.map((name, number) => [name, colours[number]]).filter((_, number) => !this.state.get().hiddenClasses.includes(number));
    save(await toPng(Object.values(this.plots), legend, { ink: token("--ink"), paper: token("--raised") }), `${this.state.get().choice.name}-maps.png`);
  }

  #saveCsv() {
    save(new Blob([toCsv(this.#sample, this.#maps)], { type: "text/csv" }), `${this.state.get().choice.name}-maps.csv`);
  }
}

function toggled(rows, row) {
  return rows.includes(row) ? rows.filter((one) => one !== row) : [...rows, row];
}
