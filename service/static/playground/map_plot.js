// One map: its canvases and its view.

import { classColours } from "./colours.js";
import { OWN_TOUCH, button, element, fill } from "./dom.js";
import { count } from "./format.js";
import { tileOf } from "./map_detail.js";
import { followHands } from "./map_hands.js";
import { createMarks } from "./map_marks.js";
import { nearestPoint } from "./map_points.js";
import { WHOLE, isWhole, project, zoomBy } from "./map_view.js";
import { mix, paintDots, toInk } from "./scatter.js";
import { isDark, token } from "./theme.js";

const [PEEK_MS, NEARER, MANY, PALE] = [125, 1.4, 10_000, 205];
const KEYS = "Arrow keys go from point to point, with Shift they move the map. Plus and minus zoom, 0 shows the whole map. Enter pins a point, S selects it, Escape lets go.";

/** What is done on it is told to `heard`, which has the functions hover(row, by), pin(row), select(rows), choose(row) and view(). */
export function createPlot(name, title, heard) {
  const ground = element("canvas", { "aria-hidden": "true" });
  const overlay = element("canvas", { "aria-hidden": "true" });
  const peek = element("div.peek", { hidden: true });
  const root = element("div.window", { tabindex: "0", role: "application", "aria-roledescription": "map", "aria-describedby": `${name}-keys`, ...OWN_TOUCH }, ground, overlay, peek);
  let sample = null;
  let goal = new Float32Array(); // where the points are going
  let chosen = new Set(); // rows that stand out, if any do
  let order = [];
  let inks = new Uint32Array();
  let colours = {};
  let pins = [];
  let findSubject = () => null;
  let [frame, timer] = [0, 0];

  const tool = (label, sign, act) => button(sign, act, { "aria-label": `${label}: ${title}`, title: label }, ".plain.square");
  const plot = {
    title,
    heard,
    window: root,
    help: element("p.unseen", { id: `${name}-keys` }, KEYS),
    buttons: element("div.row.zoom",
      tool("Zoom out", "−", () => plot.zoom(1 / NEARER)), tool("Zoom in", "+", () => plot.zoom(NEARER)), tool("Show the whole map", "⤢", () => plot.look(WHOLE))),
    view: WHOLE,
    tool: "pan",
    size: { width: 0, height: 0 },
    places: goal, // of the points, where they are now
    shown: new Uint8Array(), // 1 for each row that is seen
    hovered: null,
    paintSoon,
    placeOf,

    open(next, view) {
      sample = next;
      goal = new Float32Array(2 * (sample?.count ?? 0));
      Object.assign(plot, { view, hovered: null, places: goal });
      hidePeek();
    },

    move(places, isAnimated) {
      goal = places;
      if (!isAnimated) plot.places = places;
      paintSoon();
    },

    dress(shown, rows) {
      plot.shown = shown;
      chosen = new Set(rows);
      colour();
    },

    /** What is marked: rows, and what is being looked at, whose place [x, y] is found each time since points move. */
    mark(marked) {
      if (marked.hover !== plot.hovered) hidePeek();
      plot.hovered = marked.hover;
      ({ pins, findSubject } = marked);
      tell();
      paintSoon();
    },

    look(view) {
      plot.view = view;
      hidePeek();
      tell();
      heard.view();
      paintSoon();
    },

    use(tool) {
      plot.tool = tool;
      root.dataset.tool = tool;
    },

    zoom(factor, pixel) {
      plot.look(zoomBy(plot.view, plot.size, factor, pixel));
    },

    rowAt(pixel, reach) {
      return nearestPoint(plot.places, plot.shown, ...plot.placeAt(pixel), reach / project(plot.view, plot.size).scale);
    },

    placeAt([left, top]) {
      const at = project(plot.view, plot.size);
      return [(left - at.left) / at.scale, (top - at.top) / at.scale];
    },

    rowsInView() {
      const { width, height } = plot.size;
      return sample.rows.filter((row) => {
        const [left, top] = pixelOf(placeOf(row));
        return plot.shown[row] && left >= 0 && top >= 0 && left <= width && top <= height;
      });
    },

    picture() {
      paint();
      const canvas = element("canvas", { width: ground.width, height: ground.height });
      for (const layer of [ground, overlay]) canvas.getContext("2d").drawImage(layer, 0, 0);
      return canvas;
    },

    peekSoon(row) {
      clearTimeout(timer);
      timer = setTimeout(() => row === plot.hovered && showPeek(row), PEEK_MS);
    },
  };
  const hands = followHands(plot);
  root.addEventListener("blur", hidePeek);
  new ResizeObserver(resize).observe(root);
  return plot;

  function paintSoon() {
    frame ||= requestAnimationFrame(paint);
  }

  function colour() {
    if (sample === null) return;
    const { labels, classes, rows } = sample;
    const paper = toInk(token("--raised"));
    const full = (labels === null ? [token("--accent")] : classColours(classes.length, isDark())).map(toInk);
    const pale = full.map((ink) => mix(ink, paper, PALE));
    const standsOut = (row) => chosen.size === 0 || chosen.has(row);
    inks = Uint32Array.from(rows, (row) => (standsOut(row) ? full : pale)[labels === null ? 0 : labels[row] % full.length]);
    const seen = rows.filter((row) => plot.shown[row]);
    order = [...seen.filter((row) => !standsOut(row)), ...seen.filter(standsOut)];
    colours = { paper, back: token("--raised"), ink: token("--ink"), accent: token("--accent") };
    paintSoon();
  }

  function paint() {
    frame = 0;
    if (!sample || plot.size.width === 0) return;
    const isMoving = step();
    const ratio = ground.width / plot.size.width;
    const { scale, left, top } = project(plot.view, plot.size);
    paintDots(ground, {
      places: plot.places, order, inks, paper: colours.paper,
      at: { scale: scale * ratio, left: left * ratio, top: top * ratio }, radius: radius() * ratio, rim: order.length > MANY ? 0 : 0.7 * ratio,
    });
    paintMarks(ratio);
    if (isMoving) paintSoon();
  }

  function paintMarks(ratio) {
    const context = overlay.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, plot.size.width, plot.size.height);
    const marks = createMarks(context, colours);
    pins.forEach((row, at) => plot.shown[row] && marks.pin(pixelOf(placeOf(row)), radius() + 2, at + 1));
    const subject = findSubject();
    if (subject) marks.diamond(pixelOf(subject));
    if (plot.shown[plot.hovered]) marks.ring(pixelOf(placeOf(plot.hovered)), radius() + 5);
    const line = hands.line();
    if (line) marks.line(line.map(pixelOf));
  }

  /** Go a part of the way -> whether there is more to go. */
  function step() {
    if (plot.places === goal) return false;
    let furthest = 0;
    const next = plot.places.map((value, at) => {
      furthest = Math.max(furthest, Math.abs(goal[at] - value));
      return value + 0.22 * (goal[at] - value);
    });
    plot.places = furthest < 0.002 ? goal : next;
    return plot.places !== goal;
  }

  /** Of a dot, in pixels of the page: the fewer the larger, and slowly larger as one comes nearer. */
  function radius() {
    const whole = Math.min(4, Math.max(0.9, 130 / Math.sqrt(plot.shown.length + 400)));
    return Math.min(9, whole * plot.view.zoom ** 0.4);
  }

  function placeOf(row) {
    return plot.places.subarray(2 * row, 2 * row + 2);
  }

  function pixelOf([x, y]) {
    const { scale, left, top } = project(plot.view, plot.size);
    return [left + scale * x, top + scale * y];
  }

  function tell() {
    if (!sample) return;
    const shown = plot.shown.reduce((sum, one) => sum + one, 0);
    const zoom = isWhole(plot.view) ? "" : `, ${plot.view.zoom.toFixed(1)} times enlarged`;
    const hovered = plot.hovered === null ? "" : `. At ${sample.name(plot.hovered)}${pins.includes(plot.hovered) ? ", pinned" : ""}`;
    root.ariaLabel = `${title}, ${count(shown)} points${zoom}${hovered}`;
  }

  function resize() {
    const { clientWidth: width, clientHeight: height } = root;
    const ratio = Math.min(2, devicePixelRatio || 1);
    plot.size = { width, height };
    for (const canvas of [ground, overlay]) Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    paint();
  }

  function showPeek(row) {
    fill(peek, tileOf(sample, row), element("span", sample.label(row) || `image ${sample.testIndices[row]}`));
    peek.hidden = false;
    const [left, top] = pixelOf(placeOf(row));
    const beside = (pixel, length, all) => `${Math.max(0, pixel + 16 + length > all ? pixel - 16 - length : pixel + 16)}px`;
    peek.style.left = beside(left, peek.offsetWidth, plot.size.width);
    peek.style.top = beside(top, peek.offsetHeight, plot.size.height);
  }

  function hidePeek() {
    clearTimeout(timer);
    peek.hidden = true;
  }
}
