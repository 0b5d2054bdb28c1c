// One map: its canvases, and what pointers and keys do on it. It keeps its view; everything else is told to whoever made it.

import { element } from "./dom.js";
import { count } from "./format.js";
import { nearestPoint, nextPoint, pointsWithin } from "./map_points.js";
import { WHOLE, isWhole, panBy, project, showPlace, zoomBy } from "./map_view.js";
import { mix, paintDots, toInk } from "./scatter.js";
import { isDark, token } from "./theme.js";
import { classColours } from "./colours.js";

const [REACH, TOUCH_REACH, SLIP, PEEK_MS, STEP, NEARER] = [12, 26, 5, 125, 48, 1.4];
const MANY = 10_000;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HELP = "Arrow keys go from point to point, with Shift they move the map. Plus and minus zoom, 0 shows the whole map. Enter pins a point, S selects it, Escape lets go.";

const unpainted = new Set();

/** Paint with the next frame, all maps in the same one. */
function paintSoon(plot) {
  if (unpainted.size === 0) {
    requestAnimationFrame(() => {
      const plots = [...unpainted];
      unpainted.clear();
      for (const one of plots) one.paint();
    });
  }
  unpainted.add(plot);
}

export class MapPlot {
  #ground = element("canvas", { "aria-hidden": "true" });
  #marks = element("canvas", { "aria-hidden": "true" });
  #peek = element("div", { class: "peek", hidden: true });
  #size = { width: 0, height: 0 };
  #sample = null;
  #places = new Float32Array();
  #goal = null;
  #shown = new Uint8Array();
  #order = [];
  #inks = new Uint32Array();
  #chosen = new Set();
  #pins = [];
  #hover = null;
  #subject = null;
  #pointers = new Map();
  #gesture = null;
  #timer = 0;
  #colours = {};
  #isAimed = false;
  view = WHOLE;
  tool = "pan";

  /** `heard` has the functions hover(row), pin(row), select(rows), choose(row) and view(). */
  constructor(name, title, heard) {
    Object.assign(this, { name, title, heard });
    this.window = element("div", { class: "window", tabindex: "0", role: "application", "aria-roledescription": "map", "aria-describedby": `${name}-keys` },
      this.#ground, this.#marks, this.#peek);
    const tool = (label, sign, act) => element("button", { type: "button", class: "button plain square", "aria-label": `${label}: ${title}`, title: label, onclick: act }, sign);
    this.buttons = element("div", { class: "row zoom" },
      tool("Zoom out", "−", () => this.zoom(1 / NEARER)), tool("Zoom in", "+", () => this.zoom(NEARER)), tool("Show the whole map", "⤢", () => this.look(WHOLE)));
    this.help = element("p", { id: `${name}-keys`, class: "unseen" }, HELP);
    this.#listen();
  }

  /** Another model, or none. */
  open(sample) {
    this.#sample = sample;
    this.#places = this.#goal = new Float32Array(2 * (sample?.count ?? 0));
    Object.assign(this, { view: WHOLE });
    this.#subject = null;
  }

  /** Let the points go to places, at once or as an animation. */
  move(places, isAnimated) {
    this.#goal = places;
    if (!isAnimated) this.#places = places;
    paintSoon(this);
  }

  /** What is seen of the points: 1 for each shown row, and the rows that stand out, or none. */
  dress(shown, chosen) {
    this.#shown = shown;
    this.#chosen = new Set(chosen);
    this.#colour();
  }

  /** What is marked: rows, and a place [x, y] that is no row. */
  mark({ hover = this.#hover, pins = this.#pins, subject = this.#subject }) {
    if (hover !== this.#hover) this.#hidePeek();
    [this.#hover, this.#pins, this.#subject] = [hover, pins, subject];
    this.#tell();
    paintSoon(this);
  }

  /** Look at the map from elsewhere. */
  look(view) {
    this.view = view;
    this.#hidePeek();
    this.#tell();
    this.heard.view();
    paintSoon(this);
  }

  zoom(factor, pixel) {
    this.look(zoomBy(this.view, this.#size, factor, pixel));
  }

  /** The places as they are shown now. */
  get places() {
    return this.#places;
  }

  /** Whether a row is in the window. */
  sees(row) {
    const [left, top] = this.#pixel(row);
    return this.#shown[row] === 1 && left >= 0 && top >= 0 && left <= this.#size.width && top <= this.#size.height;
  }

  /** The shown rows in the window. */
  rowsInView() {
    return Array.from({ length: this.#shown.length }, (_, row) => row).filter((row) => this.sees(row));
  }

  /** Colours again, since the page turned light or dark, or what is seen changed. */
  #colour() {
    if (this.#sample === null) return;
    const { labels, classes, count: total } = this.#sample;
    const paper = toInk(token("--raised"));
    const inks = (labels === null ? [token("--accent")] : classColours(classes.length, isDark())).map(toInk);
    const pale = inks.map((ink) => mix(ink, paper, 205));
    this.#inks = Uint32Array.from({ length: total }, (_, row) => {
      const number = labels === null ? 0 : labels[row] % inks.length;
      return this.#chosen.size === 0 || this.#chosen.has(row) ? inks[number] : pale[number];
    });
    const rows = Uint32Array.from({ length: total }, (_, row) => row).filter((row) => this.#shown[row]);
    this.#order = this.#chosen.size === 0 ? rows : [...rows.filter((row) => !this.#chosen.has(row)), ...rows.filter((row) => this.#chosen.has(row))];
    this.#colours = { paper, back: token("--raised"), ink: token("--ink"), accent: token("--accent") };
    paintSoon(this);
  }

  repaint() {
    this.#colour();
  }

  paint() {
    if (this.#sample === null || this.#size.width === 0) return;
    const isMoving = this.#step();
    const ratio = this.#ground.width / this.#size.width;
    const at = project(this.view, this.#size);
    const radius = this.#radius() * ratio;
    paintDots(this.#ground, {
      places: this.#places, order: this.#order, inks: this.#inks, paper: this.#colours.paper, radius, rim: this.#order.length > MANY ? 0 : 0.7 * ratio,
      at: { scale: at.scale * ratio, left: at.left * ratio, top: at.top * ratio },
    });
    this.#paintMarks(ratio);
    if (isMoving) paintSoon(this);
  }

  /** Go a part of the way -> whether there is more to go. */
  #step() {
    if (this.#places === this.#goal) return false;
    const [from, to] = [this.#places, this.#goal];
    let furthest = 0;
    const next = from.map((value, at) => {
      furthest = Math.max(furthest, Math.abs(to[at] - value));
      return value + 0.22 * (to[at] - value);
    });
    this.#places = furthest < 0.002 ? to : next;
    return this.#places !== to;
  }

  /** Of a dot, in pixels of the page: few points are larger, and all grow slowly as one comes nearer. */
  #radius() {
    const whole = Math.min(4, Math.max(0.9, 130 / Math.sqrt(this.#places.length / 2 + 400)));
    return Math.min(9, whole * this.view.zoom ** 0.4);
  }

  #pixel(row) {
    return this.#pixelOf([this.#places[2 * row], this.#places[2 * row + 1]]);
  }

  #pixelOf([x, y]) {
    const { scale, left, top } = project(this.view, this.#size);
    return [left + scale * x, top + scale * y];
  }

  #paintMarks(ratio) {
    const context = this.#marks.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.#size.width, this.#size.height);
    this.#pins.forEach((row, number) => this.#shown[row] && this.#paintPin(context, this.#pixel(row), number + 1));
    if (this.#subject) this.#paintSubject(context, this.#pixelOf(this.#subject));
    if (this.#hover !== null && this.#shown[this.#hover]) this.#paintRing(context, this.#pixel(this.#hover), this.#radius() + 5);
    if (this.#gesture?.line) this.#paintLine(context, this.#gesture.line);
  }

  #stroke(context, width, colour) {
    Object.assign(context, { lineWidth: width + 3, strokeStyle: this.#colours.back });
    context.stroke();
    Object.assign(context, { lineWidth: width, strokeStyle: colour });
    context.stroke();
  }

  #paintRing(context, [left, top], radius) {
    context.beginPath();
    context.arc(left, top, radius, 0, 2 * Math.PI);
    this.#stroke(context, 2.5, this.#colours.ink);
  }

  #paintPin(context, [left, top], number) {
    this.#paintRing(context, [left, top], this.#radius() + 2);
    context.beginPath();
    context.arc(left + 11, top - 11, 8.5, 0, 2 * Math.PI);
    this.#stroke(context, 0, this.#colours.back);
    Object.assign(context, { fillStyle: this.#colours.ink, font: "600 11px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
    context.fill();
    context.fillStyle = this.#colours.back;
    context.fillText(String(number), left + 11, top - 10.5);
  }

  #paintSubject(context, [left, top]) {
    context.beginPath();
    for (const [right, down] of [[0, -10], [10, 0], [0, 10], [-10, 0]]) context.lineTo(left + right, top + down);
    context.closePath();
    this.#stroke(context, 2.5, this.#colours.accent);
    context.fillStyle = this.#colours.back;
    context.fill();
    context.beginPath();
    context.arc(left, top, 2.5, 0, 2 * Math.PI);
    context.fillStyle = this.#colours.accent;
    context.fill();
  }

  #paintLine(context, line) {
    context.beginPath();
    for (const place of line) context.lineTo(...this.#pixelOf(place));
    context.closePath();
    context.fillStyle = `${this.#colours.accent}22`;
    context.fill();
    context.setLineDash([6, 4]);
    this.#stroke(context, 2, this.#colours.accent);
    context.setLineDash([]);
  }

  /** The map as it is seen, with its marks, on a canvas of its own. */
  picture() {
    this.paint();
    const canvas = element("canvas", { width: this.#ground.width, height: this.#ground.height });
    for (const layer of [this.#ground, this.#marks]) canvas.getContext("2d").drawImage(layer, 0, 0);
    return canvas;
  }

  /** What a drag does: "pan" or "lasso". */
  use(tool) {
    this.tool = tool;
    this.window.dataset.tool = tool;
  }

  /** What a screen reader reads of the map as it is. */
  #tell() {
    if (this.#sample === null) return;
    const shown = this.#shown.reduce((sum, one) => sum + one, 0);
    const zoom = isWhole(this.view) ? "" : `, ${this.view.zoom.toFixed(1)} times enlarged`;
    const hover = this.#hover === null ? "" : `. At ${this.#sample.name(this.#hover)}${this.#pins.includes(this.#hover) ? ", pinned" : ""}`;
    this.window.setAttribute("aria-label", `${this.title}, ${count(shown)} points${zoom}${hover}`);
  }

  #listen() {
    const { window: root } = this;
    new ResizeObserver(() => this.#resize()).observe(root);
    addEventListener("scroll", () => (this.#isAimed = false), { passive: true });
    root.addEventListener("keydown", (event) => this.#onKey(event));
    root.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    root.addEventListener("pointerdown", (event) => this.#onDown(event));
    root.addEventListener("pointermove", (event) => this.#onMove(event));
    root.addEventListener("pointerup", (event) => this.#onUp(event));
    root.addEventListener("pointercancel", (event) => this.#onUp(event, false));
    root.addEventListener("pointerleave", () => this.#pointers.size === 0 && this.heard.hover(null));
    root.addEventListener("blur", () => this.#hidePeek());
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.window;
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.#size = { width, height };
    for (const canvas of [this.#ground, this.#marks]) {
      [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    }
    paintSoon(this);
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = { "+": () => this.zoom(NEARER), "=": () => this.zoom(NEARER), "-": () => this.zoom(1 / NEARER), 0: () => this.look(WHOLE), Escape: () => this.#letGo() };
    const onPoint = { Enter: this.heard.pin, " ": this.heard.pin, s: this.heard.choose, S: this.heard.choose };
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) this.look(panBy(this.view, this.#size, -STEP * arrow[0], -STEP * arrow[1]));
    else if (arrow) this.#go(arrow);
    else if (acts[event.key]) acts[event.key]();
    else if (onPoint[event.key] && this.#hover !== null) onPoint[event.key](this.#hover);
    else return;
    event.preventDefault();
  }

  /** To the next point in a direction; at first, to the one nearest to the middle. */
  #go(arrow) {
    const isLost = this.#hover === null || !this.#shown[this.#hover];
    const row = isLost ? nearestPoint(this.#places, this.#shown, this.view.x, this.view.y) : nextPoint(this.#places, this.#shown, this.#hover, arrow);
    if (row === null) return;
    const view = showPlace(this.view, this.#size, this.#places[2 * row], this.#places[2 * row + 1]);
    if (view.x !== this.view.x || view.y !== this.view.y) this.look(view);
    this.heard.hover(row, "key");
    this.#peekSoon(row);
  }

  #letGo() {
    this.#gesture = null;
    this.heard.hover(null);
    this.heard.select([]);
  }

  /** The wheel zooms where the pointer was moved to the map; while the page is scrolled past, and at the end of the zoom, it scrolls on. */
  #onWheel(event) {
    if (!event.ctrlKey && (!this.#isAimed || (event.deltaY > 0 && this.view.zoom === 1))) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 20 : 1;
    this.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY * lines)) / (event.ctrlKey ? 120 : 300)), this.#spot(event));
  }

  #onDown(event) {
    if (event.button !== 0) return;
    this.window.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#spot(event));
    const isFirst = this.#pointers.size === 1;
    this.#gesture = { start: this.#spot(event), isDrag: !isFirst, line: isFirst && this.tool === "lasso" ? [this.#placeAt(this.#spot(event))] : null };
  }

  #onMove(event) {
    if (event.movementX || event.movementY) this.#isAimed = true;
    const [spot, before] = [this.#spot(event), this.#pointers.get(event.pointerId)];
    if (!before) {
      if (event.pointerType !== "touch") this.#hoverAt(spot, REACH);
      return;
    }
    this.#gesture.isDrag ||= Math.hypot(spot[0] - this.#gesture.start[0], spot[1] - this.#gesture.start[1]) > SLIP;
    if (!this.#gesture.isDrag) return;
    if (this.#pointers.size === 2) this.#pinch(event.pointerId, before, spot);
    else if (this.#gesture.line) this.#gesture.line.push(this.#placeAt(spot));
    else this.look(panBy(this.view, this.#size, spot[0] - before[0], spot[1] - before[1]));
    this.#pointers.set(event.pointerId, spot);
    paintSoon(this);
  }

  #pinch(moving, before, now) {
    const [[, other]] = [...this.#pointers].filter(([id]) => id !== moving);
    const gap = ([left, top]) => Math.max(10, Math.hypot(left - other[0], top - other[1]));
    const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    const moved = panBy(this.view, this.#size, (now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    this.look(zoomBy(moved, this.#size, gap(now) / gap(before), middle));
  }

  #onUp(event, isMeant = true) {
    if (!this.#pointers.delete(event.pointerId) || this.#gesture === null) return;
    if (this.#pointers.size > 0) return;
    const { isDrag, line } = this.#gesture;
    this.#gesture = null;
    paintSoon(this);
    if (!isMeant) return;
    if (isDrag && line) this.heard.select(pointsWithin(this.#places, this.#shown, line));
    else if (!isDrag) this.#tap(event);
  }

  #tap(event) {
    const row = this.#rowAt(this.#spot(event), event.pointerType === "touch" ? TOUCH_REACH : REACH);
    if (row === null) return;
    this.heard.hover(row);
    this.heard.pin(row);
  }

  #hoverAt(spot, reach) {
    const row = this.#rowAt(spot, reach);
    if (row === this.#hover) return;
    this.heard.hover(row);
    if (row !== null) this.#peekSoon(row);
  }

  /** The image of a point beside it, once one has stayed there. */
  #peekSoon(row) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => row === this.#hover && this.#showPeek(row), PEEK_MS);
  }

  #showPeek(row) {
    const { tile_width: width, tile_height: height } = this.#sample.sheet;
    const canvas = element("canvas", { class: "pixelated", width, height });
    this.#sample.drawTile(canvas.getContext("2d"), row, 0, 0, width, height);
    canvas.style.setProperty("aspect-ratio", `${width} / ${height}`);
    this.#peek.replaceChildren(canvas, element("span", {}, this.#sample.label(row) || `image ${this.#sample.testIndices[row]}`));
    this.#peek.hidden = false;
    const [left, top] = this.#pixel(row);
    const [wide, high] = [this.#peek.offsetWidth, this.#peek.offsetHeight];
    const at = (pixel, length, all) => (pixel + 16 + length > all ? pixel - 16 - length : pixel + 16);
    this.#peek.style.setProperty("left", `${Math.max(0, at(left, wide, this.#size.width))}px`);
    this.#peek.style.setProperty("top", `${Math.max(0, at(top, high, this.#size.height))}px`);
  }

  #hidePeek() {
    clearTimeout(this.#timer);
    this.#peek.hidden = true;
  }

  #rowAt(spot, reach) {
    return nearestPoint(this.#places, this.#shown, ...this.#placeAt(spot), reach / project(this.view, this.#size).scale);
  }

  #placeAt([left, top]) {
    const at = project(this.view, this.#size);
    return [(left - at.left) / at.scale, (top - at.top) / at.scale];
  }

  #spot(event) {
    const { left, top } = this.window.getBoundingClientRect();
    return [event.clientX - left - this.window.clientLeft, event.clientY - top - this.window.clientTop];
  }
}
