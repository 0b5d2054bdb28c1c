// One way between two images: a frame of it, how ghostly that is, and the film of all frames.

import { element } from "./dom.js";
import { figure } from "./format.js";
import { fit, followWidth } from "./painting.js";
import { token } from "./theme.js";

const [TILE, LEAST_TILES, BARS, GAP] = [96, 8, 40, 6];

/** Frames are [{ picture, ghosting }], `highest` the full bar; a drag or tap on the film picks one: `pick(index)`. */
export function createFilm(title, pick) {
  const canvas = element("canvas.pixelated", { role: "img", "aria-label": title });
  const score = element("strong");
  const strip = element("canvas.film", { role: "img", "aria-label": title, onpointerdown: press, onpointermove: follow });
  let [frames, highest, current] = [[], 1, 0];

  const repaint = () => frames.length > 0 && strip.clientWidth > 0 && paint(strip, frames, highest, current);

  function press(event) {
    strip.setPointerCapture(event.pointerId);
    follow(event);
  }

  function follow(event) {
    if (event.buttons === 0 || frames.length === 0) return;
    const { left, width } = strip.getBoundingClientRect();
    pick(Math.floor(((event.clientX - left) / width) * frames.length));
  }

  return {
    nodes: [
      element("figure.frame", canvas, element("figcaption", element("span", title), element("span.note", "ghosting ", score))),
      element("div.strip", strip),
    ],
    repaint,
    show(next, most) {
      [frames, highest] = [next, most];
      const scores = frames.map(({ ghosting }) => ghosting);
      strip.ariaLabel = `${title}: ${frames.length} frames, ghosting from ${figure(Math.min(...scores))} to ${figure(Math.max(...scores))}`;
    },
    /** Show a frame; the answer is its ghosting. */
    point(index) {
      const { picture, ghosting } = frames[index];
      current = index;
      Object.assign(canvas, { width: picture.width, height: picture.height });
      canvas.getContext("2d").drawImage(picture, 0, 0);
      canvas.ariaLabel = `${title}, frame ${index + 1} of ${frames.length}`;
      score.textContent = figure(ghosting);
      repaint();
      return ghosting;
    },
    close: followWidth(strip, repaint),
  };
}

function paint(strip, frames, highest, current) {
  const width = strip.clientWidth;
  const shown = Math.min(frames.length, Math.max(LEAST_TILES, Math.round(width / TILE)));
  const { picture } = frames[0];
  const tile = width / shown;
  const height = Math.min(1.5 * tile, (tile * picture.height) / picture.width);
  const wide = Math.min(tile - 1, (height * picture.width) / picture.height);
  const context = fit(strip, width, height + GAP + BARS);
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
