// A strip of the frames of a walk, and beneath it how ghostly each is.

import { element } from "./dom.js";
import { figure } from "./format.js";
import { fit, followWidth } from "./painting.js";
import { token } from "./theme.js";

const [TILE, LEAST_TILES, BARS, GAP] = [96, 8, 40, 6];

/** A canvas on which a drag or tap picks a frame: `pick(index)`. Frames are [{ picture, ghosting }], `highest` the full bar. */
export function createFilm(title, pick) {
  const canvas = element("canvas.film", { role: "img", "aria-label": title });
  let [frames, highest, current] = [[], 1, 0];

  const repaint = () => frames.length > 0 && canvas.clientWidth > 0 && paint(canvas, frames, highest, current);
  const follow = (event) => {
    if (event.buttons === 0 || frames.length === 0) return;
    const { left, width } = canvas.getBoundingClientRect();
    pick(Math.floor(((event.clientX - left) / width) * frames.length));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", follow);
  return {
    node: canvas,
    repaint,
    show(next, most) {
      [frames, highest] = [next, most];
      const scores = frames.map(({ ghosting }) => ghosting);
      canvas.setAttribute("aria-label", `${title}: ${frames.length} frames, ghosting from ${figure(Math.min(...scores))} to ${figure(Math.max(...scores))}`);
      repaint();
    },
    point(index) {
      current = index;
      repaint();
    },
    close: followWidth(canvas, repaint),
  };
}

function paint(canvas, frames, highest, current) {
  const width = canvas.clientWidth;
  const shown = Math.min(frames.length, Math.max(LEAST_TILES, Math.round(width / TILE)));
  const { picture } = frames[0];
  const tile = width / shown;
  const height = Math.min(1.5 * tile, (tile * picture.height) / picture.width);
  const wide = Math.min(tile - 1, (height * picture.width) / picture.height);
  const context = fit(canvas, width, height + GAP + BARS);
  context.imageSmoothingEnabled = picture.width > tile * devicePixelRatio;
  for (let place = 0; place < shown; place++) {
    const index = Math.round((place * (frames.length - 1)) / Math.max(1, shown - 1));
    context.drawImage(frames[index].picture, place * tile + (tile - 1 - wide) / 2, 0, wide, height);
  }
  paintBars(context, frames, highest, current, width, height + GAP);
}

function paintBars(context, frames, highest, current, width, top) {
  const [quiet, accent, line] = ["--strong-line", "--accent", "--line"].map(token);
  const each = width / frames.length;
  context.fillStyle = line;
  context.fillRect(0, top + BARS - 1, width, 1);
  frames.forEach(({ ghosting }, index) => {
    const isCurrent = index === current;
    const tall = Math.max(1, (BARS * ghosting) / highest);
    Object.assign(context, { fillStyle: isCurrent ? accent : quiet, globalAlpha: isCurrent ? 1 : 0.55 });
    context.fillRect(index * each + 1, top + BARS - tall, Math.max(1, each - 2), tall);
  });
  Object.assign(context, { fillStyle: accent, globalAlpha: 1 });
  context.fillRect(Math.round((current + 0.5) * each - 1), 0, 2, top + BARS);
}
