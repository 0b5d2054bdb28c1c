// A strip of the frames of a walk, and beneath it how ghostly each is.

import { element } from "./dom.js";
import { figure } from "./format.js";
import { token } from "./theme.js";

const TILE = 96;
const LEAST_TILES = 8;
const BARS = 40;
const GAP = 6;

/** A canvas on which a drag or tap picks a frame: `pick(index)`. Frames are [{ picture, ghosting }], `highest` the full bar. */
export function createFilm(title, pick) {
  const canvas = element("canvas", { class: "film", role: "img", "aria-label": title });
  let [frames, highest, current] = [[], 1, 0];

  const paint = () => frames.length > 0 && canvas.clientWidth > 0 && paintFilm(canvas, frames, highest, current);
  const follow = (event) => {
    if (event.buttons === 0 || frames.length === 0) return;
    const { left, width } = canvas.getBoundingClientRect();
    pick(Math.min(frames.length - 1, Math.max(0, Math.floor(((event.clientX - left) / width) * frames.length))));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", follow);
  const observer = new ResizeObserver(() => requestAnimationFrame(paint)); // later, since painting sets the height
  observer.observe(canvas);
  return {
    node: canvas,
    repaint: paint,
    show(next, most) {
      [frames, highest] = [next, most];
      const scores = frames.map(({ ghosting }) => ghosting);
      canvas.setAttribute("aria-label", `${title}: ${frames.length} frames, ghosting from ${figure(Math.min(...scores))} to ${figure(Math.max(...scores))}`);
      paint();
    },
    point(index) {
      current = index;
      paint();
    },
    close: () => observer.disconnect(),
  };
}

function paintFilm(canvas, frames, highest, current) {
  const width = canvas.clientWidth;
  const shown = Math.min(frames.length, Math.max(LEAST_TILES, Math.round(width / TILE)));
  const { picture } = frames[0];
  const tile = width / shown;
  const height = Math.min(1.5 * tile, (tile * picture.height) / picture.width);
  const context = fit(canvas, width, height + GAP + BARS);
  context.imageSmoothingEnabled = picture.width > tile * devicePixelRatio;
  for (let place = 0; place < shown; place++) {
    const index = shown === 1 ? 0 : Math.round((place * (frames.length - 1)) / (shown - 1));
    const wide = Math.min(tile - 1, (height * picture.width) / picture.height);
    context.drawImage(frames[index].picture, place * tile + (tile - 1 - wide) / 2, 0, wide, height);
  }
  paintBars(context, frames, highest, current, { width, top: height + GAP });
}

function paintBars(context, frames, highest, current, { width, top }) {
  const [quiet, accent, line] = ["--strong-line", "--accent", "--line"].map(token);
  const each = width / frames.length;
  context.fillStyle = line;
  context.fillRect(0, top + BARS - 1, width, 1);
  frames.forEach(({ ghosting }, index) => {
    const tall = Math.max(1, (BARS * ghosting) / highest);
    context.fillStyle = index === current ? accent : quiet;
    context.globalAlpha = index === current ? 1 : 0.55;
    context.fillRect(index * each + 1, top + BARS - tall, Math.max(1, each - 2), tall);
  });
  context.globalAlpha = 1;
  context.fillStyle = accent;
  context.fillRect(Math.round((current + 0.5) * each - 1), 0, 2, top + BARS);
}

/** Make a canvas as sharp as the screen, and give its context in CSS pixels. */
export function fit(canvas, width, height) {
  const ratio = window.devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.setProperty("height", `${height}px`);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
