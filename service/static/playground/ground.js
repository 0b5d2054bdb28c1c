// The plane to be walked on, painted.

import { channels, classColours } from "./colours.js";
import { ARROWS, OWN_TOUCH, element } from "./dom.js";
import { extent } from "./map_points.js";
import { circle, fit, followWidth, write } from "./painting.js";
import { measureGrid, project } from "./plane.js";
import { isDark, token } from "./theme.js";

const STEP = 1 / 40; // of the width, by an arrow key
const LONG_STEP = 1 / 8; // with Shift
const CELLS = 2400;
const WORK = 20_000_000; // distances for a shade, at most
const MOST_NAMES = 12;

/**
 * A canvas on which the walker is moved: `walk([x, y], by)` is told where to, by "pointer" or "key". Of what `show` paints, marks
 * are [[text, latent]], ring and near rows or null.
 */
export function createGround(sample, plane, far, { walk, home }) {
  const canvas = element("canvas.ground", {
    tabindex: "0", role: "application", "aria-roledescription": "plane", "aria-describedby": "walk-keys", onpointerdown: onPress, onpointermove: onMove, onkeydown: onKey, ...OWN_TOUCH,
  });
  let [shown, box, base, shade] = [null, null, null, null];

  function paint() {
    const width = canvas.clientWidth;
    if (shown === null || width === 0) return;
    const height = Math.round(Math.min(width * 0.8, 460));
    const context = fit(canvas, width, height);
    if (base?.width !== canvas.width) {
      box = boxOf(plane.places, width / height);
      [base, shade] = [paintBase(sample, plane, box, width, height), null];
    }
    shade = reshade(shade, sample, plane, far, shown.latent, box);
    context.drawImage(base, 0, 0, width, height);
    context.imageSmoothingQuality = "high";
    context.drawImage(shade.canvas, 0, 0, width, height);
    paintMarks(context, plane, (place) => toScreen(within(box, place), box, width, height), shown); // sliders lead out of the box
  }

  function onPress(event) {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    onMove(event);
  }

  function onMove(event) {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    const { left, top, width, height } = canvas.getBoundingClientRect();
    walk(within(box, [box.left + ((event.clientX - left) / width) * box.width, box.top - ((event.clientY - top) / height) * box.height]), "pointer");
  }

  function onKey(event) {
    const arrow = ARROWS[event.key];
    if (event.ctrlKey || event.altKey || event.metaKey || (event.key !== "Home" && !arrow)) return;
    event.preventDefault();
    if (!arrow) return home();
    const stride = box.width * (event.shiftKey ? LONG_STEP : STEP);
    const [x, y] = project(plane, shown.latent);
    walk(within(box, [x + stride * arrow[0], y - stride * arrow[1]]), "key");
  }

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
    close: followWidth(canvas, paint),
  };
}

function boxOf(places, aspect) {
  const [[left, right], [bottom, top]] = extent(places);
  const width = Math.max(1.16 * (right - left), 1.16 * (top - bottom) * aspect) || 1;
  const height = width / aspect;
  return { left: (left + right - width) / 2, top: (bottom + top + height) / 2, width, height };
}

const within = ({ left, top, width, height }, [x, y]) =>
  [Math.min(left + width, Math.max(left, x)), Math.min(top, Math.max(top - height, y))];

const toScreen = ([x, y], box, width, height) => [((x - box.left) / box.width) * width, ((box.top - y) / box.height) * height];

const placeOf = ({ places }, row) => places.subarray(2 * row, 2 * row + 2);

function paintBase(sample, plane, box, width, height) {
  const base = element("canvas");
  const context = fit(base, width, height);
  const [paper, ink] = ["--raised", "--ink"].map(token);
  context.fillStyle = paper;
  context.fillRect(0, 0, width, height);
  const colours = sample.labels === null ? [token("--accent")] : classColours(sample.classes.length, isDark());
  const size = width < 480 ? 3 : 4;
  context.globalAlpha = Math.min(0.6, Math.max(0.12, 900 / sample.count));
  for (const row of sample.rows) {
    const [left, top] = toScreen(placeOf(plane, row), box, width, height);
    context.fillStyle = colours[sample.labels?.[row] ?? 0];
    context.fillRect(left - size / 2, top - size / 2, size, size);
  }
  Object.assign(context, { globalAlpha: 1, strokeStyle: paper, lineWidth: 4, lineJoin: "round" });
  const taken = [];
  for (const { name, place } of sample.classes.length <= MOST_NAMES ? centresOf(sample, plane) : []) {
    const [left, top] = toScreen(place, box, width, height);
    const free = [0, 15, -15, 30, -30].find((shift) => !taken.some(([x, y]) => Math.abs(x - left) < 14 && Math.abs(y - top - shift) < 14)) ?? 0;
    taken.push([left, top + free]);
    write(context, name.length > 14 ? `${name.slice(0, 13)}…` : name, [left, top + free], ink, { hasHalo: true });
  }
  return base;
}

/** Where the classes are: [{ name, count, place }]; one with an empty name where there are no labels. */
export function centresOf(sample, plane) {
  return sample.byClass().map(({ name, rows }) => {
    const mean = (axis) => rows.reduce((sum, row) => sum + plane.places[2 * row + axis], 0) / rows.length;
    return { name, count: rows.length, place: [mean(0), mean(1)] };
  });
}

/** What is far from data, shaded; anew only where the walker left the plane through which it was made. */
function reshade(last, sample, plane, far, latent, box) {
  const [x, y] = project(plane, latent);
  const apart = latent.map((value, at) => value - x * plane.axes[0][at] - y * plane.axes[1][at]);
  if (last?.apart.every((value, at) => Math.abs(value - apart[at]) <= 1e-4 * far)) return last;
  const cells = Math.min(CELLS, Math.max(CELLS / 8, WORK / sample.count));
  const columns = Math.round(Math.sqrt((cells * box.width) / box.height));
  const rows = Math.round(cells / columns);
  const data = new ImageData(columns, rows);
  const colour = channels(token("--ink"));
  measureGrid(plane, sample.latents, latent, box, columns, rows).forEach((distance, cell) => {
    const edge = Math.min(1, Math.max(0, ((distance - far) * columns) / box.width + 0.5));
    const excess = Math.min(1, Math.max(0, 2 * (distance / (far || 1) - 1)));
    data.data.set([...colour, 30 * edge + 85 * excess], 4 * cell);
  });
  const canvas = element("canvas", { width: columns, height: rows });
  canvas.getContext("2d").putImageData(data, 0, 0);
  return { canvas, apart };
}

function paintMarks(context, plane, toPixel, { latent, marks, ring, near }) {
  const [ink, paper, accent] = ["--ink", "--raised", "--accent"].map(token);
  const here = toPixel(project(plane, latent));
  const draw = (path, edge, inside = "transparent") => {
    Object.assign(context, { strokeStyle: edge, fillStyle: inside });
    context.fill(path);
    context.stroke(path);
  };
  context.lineWidth = 1.5;
  if (near !== null) {
    const there = toPixel(placeOf(plane, near));
    const line = new Path2D();
    line.moveTo(...here);
    line.lineTo(...there);
    context.setLineDash([3, 3]);
    draw(line, ink);
    context.setLineDash([]);
    draw(circle(there, 5), ink);
  }
  if (ring !== null) draw(circle(toPixel(placeOf(plane, ring)), 9), accent);
  for (const [text, mark] of marks) {
    const place = toPixel(project(plane, mark));
    draw(circle(place, 9), ink, paper);
    write(context, text, place, ink);
  }
  context.lineWidth = 3;
  draw(circle(here, 10), paper, accent);
  draw(circle(here, 2), paper, paper);
}
