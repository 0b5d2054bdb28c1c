// Canvases as sharp as the screen, and what is painted on several of them.

import { token } from "./theme.js";

/** Paint whenever the width of a canvas has changed; later, since painting sets its height. The answer ends that. */
export function followWidth(canvas, paint) {
  const observer = new ResizeObserver(() => requestAnimationFrame(paint));
  observer.observe(canvas);
  return () => observer.disconnect();
}

export function fit(canvas, width, height) {
  const ratio = window.devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

export function circle([left, top], radius) {
  const path = new Path2D();
  path.arc(left, top, radius, 0, 2 * Math.PI);
  return path;
}

/** Write about a place; the halo, if there is one, is a line of the context. */
export function write(context, text, [left, top], colour, { size = 12, hasHalo = false } = {}) {
  Object.assign(context, { fillStyle: colour, font: `600 ${size}px ${token("--sans")}`, textAlign: "center", textBaseline: "middle" });
  if (hasHalo) context.strokeText(text, left, top + 0.5);
  context.fillText(text, left, top + 0.5);
}
