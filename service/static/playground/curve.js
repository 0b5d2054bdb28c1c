// A line over equal steps, as a drawing that a screen reader reads as one sentence.

import { shape } from "./dom.js";
import { figure } from "./format.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [420, 190, 44, 24, 10, 12];

/** `points` are [x, y] in order of x; `marked` is one of them. */
export function drawCurve(points, marked, label) {
  const [first, last] = [points[0][0], points.at(-1)[0]];
  const highest = Math.max(...points.map(([, y]) => y));
  const left = (x) => LEFT + ((x - first) / Math.max(1, last - first)) * (WIDTH - LEFT - RIGHT);
  const top = (y) => TOP + (1 - y / (highest || 1)) * (HEIGHT - TOP - BOTTOM);
  const levels = [0, highest / 2, highest];
  return shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    levels.map((y) => shape("line.rule", { x1: LEFT, x2: WIDTH - RIGHT, y1: top(y), y2: top(y) })),
    levels.map((y) => shape("text", { x: LEFT - 8, y: top(y) + 4, "text-anchor": "end" }, figure(y))),
    [...new Set([first, last])].map((x) => shape("text", { x: left(x), y: HEIGHT - 4, "text-anchor": x === first ? "start" : "end" }, `epoch ${x}`)),
    shape("polyline.line", { points: points.map(([x, y]) => `${left(x).toFixed(1)},${top(y).toFixed(1)}`).join(" ") }),
    shape("circle.dot", { cx: left(marked[0]), cy: top(marked[1]), r: 4.5 }));
}
