// The plane to be walked on, painted: images of the sample, what is far from them, and where the walker is.

import { channels, classColours } from "./colours.js";
import { element } from "./dom.js";
import { fit } from "./film.js";
import { measureGrid, project } from "./plane.js";
import { isDark, token } from "./theme.js";

const STEP = 1 / 40; // of the width, by an arrow key
const LONG_STEP = 1 / 8; // with Shift
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const CELLS = 2400;
const WORK = 20_000_000; // distances for a shade, so that a slider moves smoothly over large samples too
const MOST_NAMES = 12;

/**
 * A canvas on which the walker is moved: `walk([x, y], by)` is told where to, by "pointer" or "key", and `home()` that
 * the Home key was pressed. `show({ latent, marks, ring, near })` paints; marks are [[text, latent]], ring and near rows
 * or null.
 */
export function createGround(sample, plane, far, { walk, home }) {
  const canvas = element("canvas", { class: "ground", tabindex: "0", role: "application", "aria-roledescription": "plane", "aria-describedby": "walk-keys" });
  let [shown, box, base, baseWidth, shade] = [null, null, null, 0, null];

  const paint = () => {
    if (shown === null || canvas.clientWidth === 0) return;
    const [width, height] = [canvas.clientWidth, Math.round(Math.min(canvas.clientWidth * 0.8, 460))];
    const context = fit(canvas, width, height);
    if (base === null || baseWidth !== width) {
      box = boxOf(plane.places, width / height);
      [base, baseWidth, shade] = [paintBase(sample, plane, box, width, height), width, null];
    }
    shade = reshade(shade, sample, plane, far, shown.latent, box);
    context.drawImage(base, 0, 0, width, height);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(shade.canvas, 0, 0, width, height);
    paintMarks(context, plane, (place) => toScreen(within(box, place), box, width, height), shown); // sliders lead out of the box
  };

  const follow = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    walk(within(box, [box.left + ((event.clientX - left) / width) * box.width, box.top - ((event.clientY - top) / height) * box.height]), "pointer");
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && follow(event));
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || (event.key !== "Home" && !(event.key in KEYS))) return;
    event.preventDefault();
    if (event.key === "Home") return home();
    const stride = box.width * (event.shiftKey ? LONG_STEP : STEP);
    const now = project(plane, shown.latent);
    walk(within(box, now.map((value, at) => value + stride * KEYS[event.key][at])), "key");
  });
  const observer = new ResizeObserver(() => requestAnimationFrame(paint)); // later, since painting sets the height
  observer.observe(canvas);
  return {
    node: canvas,
    show(next) {
      shown = next;
      paint();
    },
    repaint() {
      base = null;
      paint();
    },
    close: () => observer.disconnect(),
  };
}

/** What the plane shows of the data, with equal scales on both axes. */
function boxOf(places, aspect) {
  const [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
  places.forEach((value, at) => {
    low[at % 2] = Math.min(low[at % 2], value);
    high[at % 2] = Math.max(high[at % 2], value);
  });
  const [spanX, spanY] = [0, 1].map((axis) => 1.16 * (high[axis] - low[axis]));
  const width = Math.max(spanX, spanY * aspect) || 1;
  const height = width / aspect;
  return { left: (low[0] + high[0] - width) / 2, top: (low[1] + high[1] + height) / 2, width, height };
}

const within = ({ left, top, width, height }, [x, y]) =>
  [Math.min(left + width, Math.max(left, x)), Math.min(top, Math.max(top - height, y))];

const toScreen = ([x, y], box, width, height) => [((x - box.left) / box.width) * width, ((box.top - y) / box.height) * height];

/** The images as faint points by class, with the classes' names. */
function paintBase(sample, plane, box, width, height) {
  const base = document.createElement("canvas");
  const context = fit(base, width, height);
  context.fillStyle = token("--raised");
  context.fillRect(0, 0, width, height);
  const colours = classColours(sample.classes.length, isDark());
  const size = width < 480 ? 3 : 4;
  context.globalAlpha = Math.min(0.6, Math.max(0.12, 900 / sample.count));
  for (let row = 0; row < sample.count; row++) {
    const [left, top] = toScreen(plane.places.subarray(2 * row, 2 * row + 2), box, width, height);
    context.fillStyle = sample.labels === null ? token("--accent") : (colours[sample.labels[row]] ?? colours[0]);
    context.fillRect(left - size / 2, top - size / 2, size, size);
  }
  context.globalAlpha = 1;
  const named = sample.labels !== null && sample.classes.length <= MOST_NAMES ? centresOf(sample, plane) : [];
  const taken = [];
  for (const { label, place } of named) {
    const [left, top] = toScreen(place, box, width, height);
    const free = [0, 15, -15, 30, -30].find((shift) => !taken.some(([x, y]) => Math.abs(x - left) < 14 && Math.abs(y - top - shift) < 14)) ?? 0;
    taken.push([left, top + free]);
    write(context, shorten(sample.classes[label] ?? String(label)), left, top + free, token("--ink"), token("--raised"));
  }
  return base;
}

/** Where the classes are: [{ label, count, place }] in their order; one with the label null where there are no labels. */
export function centresOf(sample, plane) {
  const sums = new Map();
  for (let row = 0; row < sample.count; row++) {
    const label = sample.labels === null ? null : sample.labels[row];
    const sum = sums.get(label) ?? { label, count: 0, place: [0, 0] };
    sum.count += 1;
    sum.place = sum.place.map((value, axis) => value + plane.places[2 * row + axis]);
    sums.set(label, sum);
  }
  const centres = [...sums.values()].map(({ label, count, place }) => ({ label, count, place: place.map((value) => value / count) }));
  return centres.sort((one, other) => one.label - other.label);
}

const shorten = (name) => (name.length > 14 ? `${name.slice(0, 13)}…` : name);

/** What is far from data, shaded; anew only where the walker left the plane through which it was made. */
function reshade(last, sample, plane, far, latent, box) {
  const [x, y] = project(plane, latent);
  const apart = latent.map((value, at) => value - x * plane.axes[0][at] - y * plane.axes[1][at]);
  const colour = token("--ink");
  if (last !== null && last.colour === colour && last.apart.every((value, at) => Math.abs(value - apart[at]) <= 1e-4 * far)) return last;
  const cells = Math.min(CELLS, Math.max(CELLS / 8, WORK / sample.count));
  const columns = Math.round(Math.sqrt((cells * box.width) / box.height));
  const rows = Math.round(cells / columns);
  const data = new ImageData(columns, rows);
  const [red, green, blue] = channels(colour);
  measureGrid(plane, sample.latents, latent, box, columns, rows).forEach((distance, cell) => {
    const edge = Math.min(1, Math.max(0, ((distance - far) * columns) / box.width + 0.5)); // as wide as a cell, so that it is smooth
    const excess = Math.min(1, Math.max(0, 2 * (distance / (far || 1) - 1)));
    data.data.set([red, green, blue, 30 * edge + 85 * excess], 4 * cell);
  });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  canvas.getContext("2d").putImageData(data, 0, 0);
  return { canvas, apart, colour };
}

function paintMarks(context, plane, place, { latent, marks, ring, near }) {
  const [ink, paper, accent] = ["--ink", "--raised", "--accent"].map(token);
  const at = (row) => place(plane.places.subarray(2 * row, 2 * row + 2));
  const [left, top] = place(project(plane, latent));
  context.lineWidth = 1.5;
  if (near !== null) {
    const [nearLeft, nearTop] = at(near);
    context.strokeStyle = ink;
    context.setLineDash([3, 3]);
    line(context, left, top, nearLeft, nearTop);
    context.setLineDash([]);
    circle(context, nearLeft, nearTop, 5, null, ink);
  }
  if (ring !== null) circle(context, ...at(ring), 9, null, accent);
  for (const [text, mark] of marks) {
    const [markLeft, markTop] = place(project(plane, mark));
    circle(context, markLeft, markTop, 9, paper, ink);
    write(context, text, markLeft, markTop, ink);
  }
  context.lineWidth = 3;
  circle(context, left, top, 10, accent, paper);
  circle(context, left, top, 2, paper, paper);
}

function circle(context, left, top, radius, inside, edge) {
  context.beginPath();
  context.arc(left, top, radius, 0, 2 * Math.PI);
  if (inside) {
    context.fillStyle = inside;
    context.fill();
  }
  context.strokeStyle = edge;
  context.stroke();
}

function line(context, left, top, right, bottom) {
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(right, bottom);
  context.stroke();
}

function write(context, text, left, top, colour, halo = null) {
  context.font = `600 12px ${token("--sans")}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  if (halo) {
    [context.strokeStyle, context.lineWidth, context.lineJoin] = [halo, 4, "round"];
    context.strokeText(text, left, top + 0.5);
  }
  context.fillStyle = colour;
  context.fillText(text, left, top + 0.5);
}
