// What is drawn over the dots of a map.

import { circle, write } from "./painting.js";

export function createMarks(context, { back, ink, accent }) {
  const stroke = (path, width, colour) => {
    for (const [lineWidth, strokeStyle] of [[width + 3, back], [width, colour]]) {
      Object.assign(context, { lineWidth, strokeStyle });
      context.stroke(path);
    }
  };
  const fill = (path, colour) => {
    context.fillStyle = colour;
    context.fill(path);
  };
  const polygon = (pixels) => {
    const path = new Path2D();
    for (const pixel of pixels) path.lineTo(...pixel);
    path.closePath();
    return path;
  };
  const ring = (pixel, radius) => stroke(circle(pixel, radius), 2.5, ink);
  return {
    ring,
    pin([left, top], radius, number) {
      const badge = circle([left + 11, top - 11], 8.5);
      ring([left, top], radius);
      stroke(badge, 0, back);
      fill(badge, ink);
      write(context, number, [left + 11, top - 11], back, { size: 11 });
    },
    diamond([left, top]) {
      const path = polygon([[left, top - 10], [left + 10, top], [left, top + 10], [left - 10, top]]);
      stroke(path, 2.5, accent);
      fill(path, back);
      fill(circle([left, top], 3), accent);
    },
    line(pixels) {
      const path = polygon(pixels);
      fill(path, `${accent}22`);
      context.setLineDash([6, 4]);
      stroke(path, 2, accent);
      context.setLineDash([]);
    },
  };
}
