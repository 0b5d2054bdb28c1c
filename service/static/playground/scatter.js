// Dots, written as pixels of one image: tens of thousands of arcs would take too long.

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
  const dot = cut(radius);
  const hole = rim > 0 && cut(radius + rim);
  for (const row of order) {
    const left = Math.round(at.left + at.scale * places[2 * row]);
    const top = Math.round(at.top + at.scale * places[2 * row + 1]);
    if (hole) press(pixels, width, height, hole, left, top, paper);
    press(pixels, width, height, dot, left, top, inks[row]);
  }
  canvas.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
}

/** The pixels of a round dot, from its middle, and how much of each is covered, of 256. */
function cut(radius) {
  const reach = Math.ceil(radius);
  const cells = [];
  for (let down = -reach; down <= reach; down++) {
    for (let right = -reach; right <= reach; right++) {
      const share = Math.round(256 * Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(right, down))));
      if (share > 0) cells.push({ right, down, share });
    }
  }
  const column = (name) => Int32Array.from(cells, (cell) => cell[name]);
  return { right: column("right"), down: column("down"), share: column("share") };
}

function press(pixels, width, height, { right, down, share }, left, top, ink) {
  for (let cell = 0; cell < share.length; cell++) {
    const [x, y] = [left + right[cell], top + down[cell]];
    if (x < 0 || x >= width || y < 0 || y >= height) continue;
    const pixel = y * width + x;
    pixels[pixel] = share[cell] === 256 ? ink : mix(pixels[pixel], ink, share[cell]);
  }
}
