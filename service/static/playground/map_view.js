// Where a map is looked at: { x, y, zoom }, the place in the middle of the window and how near it is.

export const WHOLE = Object.freeze({ x: 0, y: 0, zoom: 1 });
const [NEAREST, MARGIN, EDGE] = [64, 0.94, 24];

/** Places become pixels of a window: left + scale * x, top + scale * y. */
export function project({ x, y, zoom }, { width, height }) {
  const scale = (zoom * MARGIN * Math.min(width, height)) / 2;
  return { scale, left: width / 2 - scale * x, top: height / 2 - scale * y };
}

export function panBy(view, size, right, down) {
  const { scale } = project(view, size);
  return kept({ ...view, x: view.x - right / scale, y: view.y - down / scale });
}

export function zoomBy(view, size, factor, [left, top] = [size.width / 2, size.height / 2]) {
  const zoom = Math.min(NEAREST, Math.max(1, view.zoom * factor));
  const [before, after] = [project(view, size).scale, project({ ...view, zoom }, size).scale];
  const [right, down] = [left - size.width / 2, top - size.height / 2];
  return kept({ x: view.x + right / before - right / after, y: view.y + down / before - down / after, zoom });
}

/** Move no further than brings a row into the window. */
export function showPlace(view, size, x, y) {
  const { scale, left, top } = project(view, size);
  const outside = (pixel, length) => Math.min(0, length - EDGE - pixel) + Math.max(0, EDGE - pixel);
  return panBy(view, size, outside(left + scale * x, size.width), outside(top + scale * y, size.height));
}

export const isWhole = ({ x, y, zoom }) => zoom === 1 && x === 0 && y === 0;

/** Views by name -> a short text for the address; null while all is seen. */
export function writeViews(views) {
  const parts = Object.entries(views).filter(([, view]) => !isWhole(view));
  return parts.map(([name, { x, y, zoom }]) => [name, ...[x, y, zoom].map((value) => Math.round(1000 * value))].join(".")).join("_") || null;
}

export function readView(text, name) {
  const part = (text ?? "").split("_").find((one) => one.startsWith(`${name}.`)) ?? "";
  const [x, y, zoom] = part.split(".").slice(1).map((digits) => Number(digits) / 1000);
  return [x, y, zoom].every(Number.isFinite) ? kept({ x, y, zoom: Math.min(NEAREST, Math.max(1, zoom)) }) : WHOLE;
}

/** The map stays within reach: the nearer it is, the further it may be moved, and the whole map not at all. */
function kept({ x, y, zoom }) {
  if (zoom === 1) return WHOLE;
  const most = 1.1 - 1 / zoom;
  return { x: Math.min(most, Math.max(-most, x)), y: Math.min(most, Math.max(-most, y)), zoom };
}
