// The points of a map as one flat array, [x, y, x, y, ...], and questions about them: to look at 70,000 takes under a millisecond.
// `shown` holds 1 for each row that can be seen; hidden rows are never found.

export function extent(coordinates) {
  return [0, 1].map((axis) => {
    const values = coordinates.filter((_, at) => at % 2 === axis).sort();
    return [values[0], values.at(-1)];
  });
}

/** The frame by which `place` brings coordinates of any extent within [-1, 1], y downwards as on screens. */
export function fit(coordinates) {
  const [[left, right], [bottom, top]] = extent(coordinates);
  return { x: (left + right) / 2, y: (bottom + top) / 2, half: Math.max(right - left, top - bottom) / 2 || 1 };
}

export function place(coordinates, { x, y, half }) {
  return Float32Array.from(coordinates, (value, at) => (at % 2 === 0 ? (value - x) / half : (y - value) / half));
}

/** The shown row nearest to a place, at most `reach` away; null where there is none. */
export function nearestPoint(places, shown, x, y, reach = Infinity) {
  let [best, least] = [null, reach * reach];
  for (let row = 0; row < shown.length; row++) {
    const distance = (places[2 * row] - x) ** 2 + (places[2 * row + 1] - y) ** 2;
    if (distance <= least && shown[row]) [best, least] = [row, distance];
  }
  return best;
}

/** The nearest shown row in a direction from another one, within 45 degrees; null where there is none. */
export function nextPoint(places, shown, from, [right, down]) {
  let [best, least] = [null, Infinity];
  for (let row = 0; row < shown.length; row++) {
    const [x, y] = [places[2 * row] - places[2 * from], places[2 * row + 1] - places[2 * from + 1]];
    const along = x * right + y * down;
    const aside = Math.abs(x * down) + Math.abs(y * right);
    const distance = x * x + y * y;
    if (shown[row] && along > 0 && aside <= along && distance < least) [best, least] = [row, distance];
  }
  return best;
}

export function pointsWithin(places, shown, line) {
  const path = new Path2D();
  for (const point of line) path.lineTo(...point);
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  return [...shown.keys()].filter((row) => shown[row] && context.isPointInPath(path, places[2 * row], places[2 * row + 1], "evenodd"));
}

/** The middle of some rows in each axis by itself, which one far row does not move: [x, y]. */
export function medianPlace(places, rows) {
  return [0, 1].map((axis) => {
    const values = Float32Array.from(rows, (row) => places[2 * row + axis]).sort();
    return values[values.length >> 1];
  });
}
