// Where a map is looked at: { x, y, zoom }, the place in the middle of the window and how near it is. Values, never changed.

export const WHOLE = Object.freeze({ x: 0, y: 0, zoom: 1 });
const [NEAREST, MARGIN] = [64, 0.94];

/** How places become pixels in a window of a size: pixel = left + scale * x, top + scale * y. */
export function project({ x, y, zoom }, { width, height }) {
  const scale = (zoom * MARGIN * Math.min(width, height)) / 2;
  return { scale, left: width / 2 - scale * x, top: height / 2 - scale * y };
}

/** Move by so many pixels. */
export function panBy(view, size, right, down) {
  const { scale } = project(view, size);
  return kept({ ...view, x: view.x - right / scale, y: view.y - down / scale });
}

/** Come so many times nearer, while the place under a pixel stays where it is. */
export function zoomBy(view, size, factor, [left, top] = [size.width / 2, size.height / 2]) {
  const zoom = Math.min(NEAREST, Math.max(1, view.zoom * factor));
  const [before, after] = [project(view, size).scale, project({ ...view, zoom }, size).scale];
  const [right, down] = [left - size.width / 2, top - size.height / 2];
  return kept({ x: view.x + right / before - right / after, y: view.y + down / before - down / after, zoom });
}

/** Move no further than brings a row into the window. */
export function showPlace(view, size, x, y, margin = 24) {
  const { scale, left, top } = project(view, size);
  const outside = (pixel, length) => Math.min(0, length - margin - pixel) + Math.max(0, margin - pixel);
  return panBy(view, size, outside(left + scale * x, size.width), outside(top + scale * y, size.height));
}

export const isWhole = ({ x, y, zoom }) => zoom === 1 && x === 0 && y === 0;

/** Views by the name of their maps -> a short text for the address; null while all is seen. */
export function writeViews(views) {
  const parts = Object.entries(views).filter(([, view]) => !isWhole(view));
  return parts.map(([name, { x, y, zoom }]) => `${name}.${[x, y, zoom].map((value) => Math.round(1000 * value)).join(".")}`).join("_") || null;
}

/** What `writeViews` wrote; anything else is the whole map. */
export function readView(text, name) {
  const numbers = new RegExp(`(?:^|_)${name}\\.(-?\\d{1,6})\\.(-?\\d{1,6})\\.(\\d{1,6})(?:_|$)`).exec(text ?? "");
  if (numbers === null) return WHOLE;
  const [x, y, zoom] = numbers.slice(1).map((digits) => Number(digits) / 1000);
  return kept({ x, y, zoom: Math.min(NEAREST, Math.max(1, zoom)) });
}

/** The map stays within reach: the nearer it is, the further it may be moved, and the whole map not at all. */
function kept({ x, y, zoom }) {
  if (zoom === 1) return WHOLE;
  const most = 1.1 - 1 / zoom;
  return { x: Math.min(most, Math.max(-most, x)), y: Math.min(most, Math.max(-most, y)), zoom };
}
