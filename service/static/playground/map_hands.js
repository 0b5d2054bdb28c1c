// Pointers, wheel and keys on a map. What they mean is done by the plot and by those that it tells.

import { nearestPoint, nextPoint, pointsWithin } from "./map_points.js";
import { WHOLE, panBy, showPlace, zoomBy } from "./map_view.js";

const [REACH, TOUCH_REACH, SLIP, STEP, NEARER] = [12, 26, 5, 48, 1.4];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Listen to the window of a plot. */
export class MapHands {
  #pointers = new Map();
  #gesture = null; // { start, isDrag, line } of what is under way
  #isAimed = false; // whether the pointer was moved since the page was scrolled

  constructor(plot) {
    this.plot = plot;
    const { window: root } = plot;
    addEventListener("scroll", () => (this.#isAimed = false), { passive: true });
    root.addEventListener("keydown", (event) => this.#onKey(event));
    root.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    root.addEventListener("pointerdown", (event) => this.#onDown(event));
    root.addEventListener("pointermove", (event) => this.#onMove(event));
    root.addEventListener("pointerup", (event) => this.#onUp(event));
    root.addEventListener("pointercancel", (event) => this.#onUp(event, false));
    root.addEventListener("pointerleave", ({ pointerType }) => pointerType !== "touch" && this.#pointers.size === 0 && plot.heard.hover(null));
  }

  /** The line that the lasso has drawn so far, of places; null without one. */
  get line() {
    return this.#gesture?.line ?? null;
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { plot } = this;
    const acts = { "+": () => plot.zoom(NEARER), "=": () => plot.zoom(NEARER), "-": () => plot.zoom(1 / NEARER), 0: () => plot.look(WHOLE), Escape: () => this.#letGo() };
    const onPoint = { Enter: plot.heard.pin, " ": plot.heard.pin, s: plot.heard.choose, S: plot.heard.choose };
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) plot.look(panBy(plot.view, plot.size, -STEP * arrow[0], -STEP * arrow[1]));
    else if (arrow) this.#go(arrow);
    else if (acts[event.key]) acts[event.key]();
    else if (onPoint[event.key] && plot.hovered !== null) onPoint[event.key](plot.hovered);
    else return;
    event.preventDefault();
  }

  /** To the next point in a direction; at first, to the one nearest to the middle. */
  #go(arrow) {
    const { plot } = this;
    const { places, shown, view, hovered } = plot;
    const isLost = hovered === null || !shown[hovered];
    const row = isLost ? nearestPoint(places, shown, view.x, view.y) : nextPoint(places, shown, hovered, arrow);
    if (row === null) return;
    const seen = showPlace(view, plot.size, places[2 * row], places[2 * row + 1]);
    if (seen.x !== view.x || seen.y !== view.y) plot.look(seen);
    plot.heard.hover(row, "key");
    plot.peekSoon(row);
  }

  #letGo() {
    this.#gesture = null;
    this.plot.heard.hover(null);
    this.plot.heard.select([]);
  }

  /** The wheel zooms where the pointer was moved to the map; while the page is scrolled past, and at the end of the zoom, it scrolls on. */
  #onWheel(event) {
    if (!event.ctrlKey && (!this.#isAimed || (event.deltaY > 0 && this.plot.view.zoom === 1))) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 20 : 1);
    this.plot.zoom(Math.exp(-Math.max(-120, Math.min(120, pixels)) / (event.ctrlKey ? 120 : 300)), this.#spot(event));
  }

  #onDown(event) {
    if (event.button !== 0) return;
    const spot = this.#spot(event);
    this.plot.window.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, spot);
    const isFirst = this.#pointers.size === 1;
    this.#gesture = { start: spot, isDrag: !isFirst, line: isFirst && this.plot.tool === "lasso" ? [this.plot.placeAt(spot)] : null };
  }

  #onMove(event) {
    if (event.movementX || event.movementY) this.#isAimed = true;
    const [spot, before] = [this.#spot(event), this.#pointers.get(event.pointerId)];
    if (!before) {
      if (event.pointerType !== "touch") this.#hoverAt(spot);
      return;
    }
    if (this.#gesture === null) return;
    this.#gesture.isDrag ||= distance(spot, this.#gesture.start) > SLIP;
    if (this.#gesture.isDrag) this.#drag(event.pointerId, before, spot);
  }

  #drag(moving, before, now) {
    const { plot } = this;
    if (this.#pointers.size === 2) this.#pinch(moving, before, now);
    else if (this.line) this.line.push(plot.placeAt(now));
    else plot.look(panBy(plot.view, plot.size, now[0] - before[0], now[1] - before[1]));
    this.#pointers.set(moving, now);
    plot.paintSoon();
  }

  #pinch(moving, before, now) {
    const { plot } = this;
    const [[, other]] = [...this.#pointers].filter(([id]) => id !== moving);
    const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    const moved = panBy(plot.view, plot.size, (now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    plot.look(zoomBy(moved, plot.size, Math.max(10, distance(now, other)) / Math.max(10, distance(before, other)), middle));
  }

  #onUp(event, isMeant = true) {
    if (!this.#pointers.delete(event.pointerId) || this.#pointers.size > 0 || this.#gesture === null) return;
    const { plot } = this;
    const { isDrag, line } = this.#gesture;
    this.#gesture = null;
    plot.paintSoon();
    if (isMeant && isDrag && line) plot.heard.select(pointsWithin(plot.places, plot.shown, line));
    else if (isMeant && !isDrag) this.#tap(event);
  }

  #tap(event) {
    const row = this.plot.rowAt(this.#spot(event), event.pointerType === "touch" ? TOUCH_REACH : REACH);
    if (row === null) return;
    this.plot.heard.hover(row);
    this.plot.heard.pin(row);
    this.plot.peekSoon(row);
  }

  #hoverAt(spot) {
    const row = this.plot.rowAt(spot, REACH);
    if (row === this.plot.hovered) return;
    this.plot.heard.hover(row);
    if (row !== null) this.plot.peekSoon(row);
  }

  #spot(event) {
    const { left, top } = this.plot.window.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }
}

function distance(one, other) {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}
