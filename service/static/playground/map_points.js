// The points of a map as one flat array, [x, y, x, y, ...], and questions about them, each answered by looking at every point.
//
// `shown` holds 1 for each row that can be seen: hidden rows are never found. Brute force suffices: 70,000 points take under a millisecond.

/** Coordinates of any extent -> places within [-1, 1], y downwards as on screens; one scale for both axes. */
export function fit(coordinates) {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let at = 0; at < coordinates.length; at += 2) {
    left = Math.min(left, coordinates[at]);
    right = Math.max(right, coordinates[at]);
    bottom = Math.min(bottom, coordinates[at + 1]);
    top = Math.max(top, coordinates[at + 1]);
  }
  return { x: (left + right) / 2, y: (bottom + top) / 2, half: Math.max(right - left, top - bottom) / 2 || 1 };
}

/** Put coordinates into the frame that `fit` found, of these points or of others. */
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

/** The shown row nearest to another one among those that lie in a direction, within 45 degrees; null where there is none. */
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

/** The shown rows within a closed line of [x, y]. */
export function pointsWithin(places, shown, line) {
  const rows = [];
  for (let row = 0; row < shown.length; row++) {
    if (shown[row] && isWithin(line, places[2 * row], places[2 * row + 1])) rows.push(row);
  }
  return rows;
}

/** Even-odd rule: a ray to the right crosses the line an odd number of times. */
function isWithin(line, x, y) {
  let within = false;
  for (let at = 0, before = line.length - 1; at < line.length; before = at++) {
    const [[x1, y1], [x2, y2]] = [line[at], line[before]];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
  }
  return within;
}

/** The middle of some rows in each axis by itself, which one far row does not move: [x, y]. */
export function medianPlace(places, rows) {
  return [0, 1].map((axis) => {
    const values = rows.map((row) => places[2 * row + axis]).sort((one, other) => one - other);
    return (values[Math.floor((values.length - 1) / 2)] + values[Math.ceil((values.length - 1) / 2)]) / 2;
  });
}
