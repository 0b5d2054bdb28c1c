// One map: its canvases and its view. What is done on it is told to whoever made it, who says what is shown and marked.

import { classColours } from "./colours.js";
import { element } from "./dom.js";
import { count } from "./format.js";
import { MapHands } from "./map_hands.js";
import { createMarks } from "./map_marks.js";
import { nearestPoint } from "./map_points.js";
import { WHOLE, isWhole, project, zoomBy } from "./map_view.js";
import { mix, paintDots, toInk } from "./scatter.js";
import { isDark, token } from "./theme.js";

const [PEEK_MS, NEARER, MANY, PALE] = [125, 1.4, 10_000, 205];
const KEYS = "Arrow keys go from point to point, with Shift they move the map. Plus and minus zoom, 0 shows the whole map. Enter pins a point, S selects it, Escape lets go.";

const unpainted = new Set();

/** Paint all maps that have changed in one frame. */
function paintAll() {
  const plots = [...unpainted];
  unpainted.clear();
  for (const plot of plots) plot.paint();
}

export class MapPlot {
  #ground = element("canvas", { "aria-hidden": "true" });
  #marks = element("canvas", { "aria-hidden": "true" });
  #peek = element("div", { class: "peek", hidden: true });
  #sample = null;
  #goal = new Float32Array(); // where the points are going
  #chosen = new Set();
  #order = [];
  #inks = new Uint32Array();
  #colours = {};
  #pins = [];
  #findSubject = () => null;
  #timer = 0;
  view = WHOLE;
  tool = "pan";
  size = { width: 0, height: 0 };
  places = new Float32Array(); // where they are now
  shown = new Uint8Array();
  hovered = null;

  /** `heard` has the functions hover(row, by), pin(row), select(rows), choose(row) and view(). */
  constructor(name, title, heard) {
    Object.assign(this, { name, title, heard });
    this.window = element("div", { class: "window", tabindex: "0", role: "application", "aria-roledescription": "map", "aria-describedby": `${name}-keys` },
      this.#ground, this.#marks, this.#peek);
    this.help = element("p", { id: `${name}-keys`, class: "unseen" }, KEYS);
    const tool = (label, sign, act) => element("button", { type: "button", class: "button plain square", "aria-label": `${label}: ${title}`, title: label, onclick: act }, sign);
    this.buttons = element("div", { class: "row zoom" },
      tool("Zoom out", "−", () => this.zoom(1 / NEARER)), tool("Zoom in", "+", () => this.zoom(NEARER)), tool("Show the whole map", "⤢", () => this.look(WHOLE)));
    this.hands = new MapHands(this);
    this.window.addEventListener("blur", () => this.#hidePeek());
    new ResizeObserver(() => this.#resize()).observe(this.window);
  }

  /** Another model, or none. */
  open(sample) {
    [this.#sample, this.view, this.hovered] = [sample, WHOLE, null];
    this.places = this.#goal = new Float32Array(2 * (sample?.count ?? 0));
    this.#hidePeek();
  }

  /** Let the points go to places, at once or as an animation. */
  move(places, isAnimated) {
    this.#goal = places;
    if (!isAnimated) this.places = places;
    this.paintSoon();
  }

  /** What is seen of the points: 1 for each shown row, and the rows that stand out, or none. */
  dress(shown, chosen) {
    [this.shown, this.#chosen] = [shown, new Set(chosen)];
    this.colour();
  }

  /** What is marked: rows, and what is being looked at, whose place [x, y] is found each time since points move. */
  mark({ hover, pins, findSubject }) {
    if (hover !== this.hovered) this.#hidePeek();
    [this.hovered, this.#pins, this.#findSubject] = [hover, pins, findSubject];
    this.#tell();
    this.paintSoon();
  }

  /** Look at the map from elsewhere. */
  look(view) {
    this.view = view;
    this.#hidePeek();
    this.#tell();
    this.heard.view();
    this.paintSoon();
  }

  zoom(factor, pixel) {
    this.look(zoomBy(this.view, this.size, factor, pixel));
  }

  /** What a drag does: "pan" or "lasso". */
  use(tool) {
    this.tool = tool;
    this.window.dataset.tool = tool;
  }

  /** The shown row nearest to a pixel of the window, at most `reach` pixels away, or null. */
  rowAt(pixel, reach) {
    return nearestPoint(this.places, this.shown, ...this.placeAt(pixel), reach / project(this.view, this.size).scale);
  }

  /** The place under a pixel of the window. */
  placeAt([left, top]) {
    const at = project(this.view, this.size);
    return [(left - at.left) / at.scale, (top - at.top) / at.scale];
  }

  /** The shown rows in the window. */
  rowsInView() {
    const { width, height } = this.size;
    const rows = [];
    for (let row = 0; row < this.shown.length; row++) {
      const [left, top] = this.#pixelOf(this.placeOf(row));
      if (this.shown[row] && left >= 0 && top >= 0 && left <= width && top <= height) rows.push(row);
    }
    return rows;
  }

  /** The map as it is seen, with its marks, on a canvas of its own. */
  picture() {
    this.paint();
    const canvas = element("canvas", { width: this.#ground.width, height: this.#ground.height });
    for (const layer of [this.#ground, this.#marks]) canvas.getContext("2d").drawImage(layer, 0, 0);
    return canvas;
  }

  paintSoon() {
    if (unpainted.size === 0) requestAnimationFrame(paintAll);
    unpainted.add(this);
  }

  /** Give each row its colour: again when the page turns light or dark. */
  colour() {
    if (this.#sample === null) return;
    const { labels, classes, count: total } = this.#sample;
    const paper = toInk(token("--raised"));
    const inks = (labels === null ? [token("--accent")] : classColours(classes.length, isDark())).map(toInk);
    const pale = inks.map((ink) => mix(ink, paper, PALE));
    const standsOut = (row) => this.#chosen.size === 0 || this.#chosen.has(row);
    this.#inks = Uint32Array.from({ length: total }, (_, row) => (standsOut(row) ? inks : pale)[labels === null ? 0 : labels[row] % inks.length]);
    const rows = Array.from({ length: total }, (_, row) => row).filter((row) => this.shown[row]);
    this.#order = [...rows.filter((row) => !standsOut(row)), ...rows.filter(standsOut)];
    this.#colours = { paper, back: token("--raised"), ink: token("--ink"), accent: token("--accent") };
    this.paintSoon();
  }

  paint() {
    if (!this.#sample || this.size.width === 0) return;
    const isMoving = this.#step();
    const ratio = this.#ground.width / this.size.width;
    const { scale, left, top } = project(this.view, this.size);
    paintDots(this.#ground, {
      places: this.places, order: this.#order, inks: this.#inks, paper: this.#colours.paper,
      at: { scale: scale * ratio, left: left * ratio, top: top * ratio }, radius: this.#radius() * ratio, rim: this.#order.length > MANY ? 0 : 0.7 * ratio,
    });
    this.#paintMarks(ratio);
    if (isMoving) this.paintSoon();
  }

  #paintMarks(ratio) {
    const context = this.#marks.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.size.width, this.size.height);
    const marks = createMarks(context, this.#colours);
    this.#pins.forEach((row, at) => this.shown[row] && marks.pin(this.#pixelOf(this.placeOf(row)), this.#radius() + 2, at + 1));
    const subject = this.#findSubject();
    if (subject) marks.diamond(this.#pixelOf(subject));
    if (this.hovered !== null && this.shown[this.hovered]) marks.ring(this.#pixelOf(this.placeOf(this.hovered)), this.#radius() + 5);
    if (this.hands.line) marks.line(this.hands.line.map((place) => this.#pixelOf(place)));
  }

  /** Go a part of the way -> whether there is more to go. */
  #step() {
    const [from, to] = [this.places, this.#goal];
    if (from === to) return false;
    let furthest = 0;
    const next = from.map((value, at) => {
      furthest = Math.max(furthest, Math.abs(to[at] - value));
      return value + 0.22 * (to[at] - value);
    });
    this.places = furthest < 0.002 ? to : next;
    return this.places !== to;
  }

  /** Of a dot, in pixels of the page: the fewer the larger, and slowly larger as one comes nearer. */
  #radius() {
    const whole = Math.min(4, Math.max(0.9, 130 / Math.sqrt(this.shown.length + 400)));
    return Math.min(9, whole * this.view.zoom ** 0.4);
  }

  placeOf(row) {
    return [this.places[2 * row], this.places[2 * row + 1]];
  }

  #pixelOf([x, y]) {
    const { scale, left, top } = project(this.view, this.size);
    return [left + scale * x, top + scale * y];
  }

  /** What a screen reader reads of the map as it is. */
  #tell() {
    if (!this.#sample) return;
    const shown = this.shown.reduce((sum, one) => sum + one, 0);
    const zoom = isWhole(this.view) ? "" : `, ${this.view.zoom.toFixed(1)} times enlarged`;
    const hovered = this.hovered === null ? "" : `. At ${this.#sample.name(this.hovered)}${this.#pins.includes(this.hovered) ? ", pinned" : ""}`;
    this.window.setAttribute("aria-label", `${this.title}, ${count(shown)} points${zoom}${hovered}`);
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.window;
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.size = { width, height };
    for (const canvas of [this.#ground, this.#marks]) {
      [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    }
    this.paint();
  }

  /** The image of a point beside it, once one has stayed there. */
  peekSoon(row) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => row === this.hovered && this.#showPeek(row), PEEK_MS);
  }

  #showPeek(row) {
    const { tile_width: width, tile_height: height } = this.#sample.sheet;
    const canvas = element("canvas", { class: "pixelated", width, height });
    this.#sample.drawTile(canvas.getContext("2d"), row, 0, 0, width, height);
    this.#peek.replaceChildren(canvas, element("span", {}, this.#sample.label(row) || `image ${this.#sample.testIndices[row]}`));
    this.#peek.hidden = false;
    const [left, top] = this.#pixelOf(this.placeOf(row));
    const beside = (pixel, length, all) => `${Math.max(0, pixel + 16 + length > all ? pixel - 16 - length : pixel + 16)}px`;
    this.#peek.style.setProperty("left", beside(left, this.#peek.offsetWidth, this.size.width));
    this.#peek.style.setProperty("top", beside(top, this.#peek.offsetHeight, this.size.height));
  }

  #hidePeek() {
    clearTimeout(this.#timer);
    this.#peek.hidden = true;
  }
}
