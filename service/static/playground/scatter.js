// Dots, written as pixels: all points of a map are put on the canvas as one image, which tens of thousands of arcs would not allow.

import { channels } from "./colours.js";

/** `#rrggbb` -> one number as it lies in the memory of an image. */
export function toInk(colour) {
  const [red, green, blue] = channels(colour);
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** Two inks, mixed; `share` of 256 is all of the second. */
export function mix(under, over, share) {
  const sides = ((over & 0xff00ff) * share + (under & 0xff00ff) * (256 - share)) >>> 8;
  const middle = ((over >>> 8) & 0xff) * share + ((under >>> 8) & 0xff) * (256 - share);
  return (0xff000000 | (sides & 0xff00ff) | (middle & 0xff00)) >>> 0;
}

/**
 * Paint dots over paper; later rows of `order` lie over earlier ones.
 *
 * `at` is a projection of map_view.js in the canvas' own pixels, `inks` has a colour for each row, `radius` is that of a dot, and
 * `rim` the width of a line of paper around it, which keeps neighbours apart.
 */
export function paintDots(canvas, { places, order, inks, at, radius, rim, paper }) {
  const { width, height } = canvas;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer).fill(paper);
  const dot = stampOf(radius, width);
  const hole = rim > 0 ? stampOf(radius + rim, width) : null;
  for (const row of order) {
    const left = Math.round(at.left + at.scale * places[2 * row]);
    const top = Math.round(at.top + at.scale * places[2 * row + 1]);
    if (hole !== null) press(pixels, width, height, hole, left, top, paper);
    press(pixels, width, height, dot, left, top, inks[row]);
  }
  canvas.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
}

const stamps = new Map();

/** The pixels of a round dot, as steps from its middle, with how much of each is covered. */
function stampOf(radius, width) {
  const key = `${radius.toFixed(2)} ${width}`;
  if (!stamps.has(key)) {
    if (stamps.size > 64) stamps.clear();
    stamps.set(key, cut(radius, width));
  }
  return stamps.get(key);
}

function cut(radius, width) {
  const reach = Math.ceil(radius);
  const cells = [];
  for (let down = -reach; down <= reach; down++) {
    for (let right = -reach; right <= reach; right++) {
      const share = Math.round(256 * Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(right, down))));
      if (share > 0) cells.push({ right, down, share, step: down * width + right });
    }
  }
  return { reach, ...Object.fromEntries(["right", "down", "share", "step"].map((name) => [name, Int32Array.from(cells, (cell) => cell[name])])) };
}

function press(pixels, width, height, { reach, right, down, share, step }, left, top, ink) {
  if (left < -reach || top < -reach || left >= width + reach || top >= height + reach) return;
  const isInside = left >= reach && top >= reach && left < width - reach && top < height - reach;
  const middle = top * width + left;
  for (let cell = 0; cell < step.length; cell++) {
    if (!isInside && (left + right[cell] < 0 || left + right[cell] >= width || top + down[cell] < 0 || top + down[cell] >= height)) continue;
    const pixel = middle + step[cell];
    pixels[pixel] = share[cell] === 256 ? ink : mix(pixels[pixel], ink, share[cell]);
  }
}
