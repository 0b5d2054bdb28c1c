// Pointers, wheel and keys on a map.

import { ARROWS } from "./dom.js";
import { nearestPoint, nextPoint, pointsWithin } from "./map_points.js";
import { WHOLE, panBy, showPlace, zoomBy } from "./map_view.js";

const [REACH, TOUCH_REACH, SLIP, STEP, NEARER] = [12, 26, 5, 48, 1.4];

/** Listen to the window of a plot; `line()` gives the places through which the lasso was drawn so far, or null. */
export function followHands(plot) {
  const { window: root, heard } = plot;
  const pointers = new Map();
  let gesture = null; // { start, isDrag, line } of what is under way
  let isAimed = false; // whether the pointer was moved since the page was scrolled

  addEventListener("scroll", () => (isAimed = false), { passive: true });
  root.addEventListener("wheel", onWheel, { passive: false });
  const listeners = { keydown: onKey, pointerdown: onDown, pointermove: onMove, pointerup: onUp, pointercancel: onUp, pointerleave: onLeave };
  for (const [name, listener] of Object.entries(listeners)) root.addEventListener(name, listener);
  return { line: () => gesture?.line ?? null };

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const acts = { "+": () => plot.zoom(NEARER), "=": () => plot.zoom(NEARER), "-": () => plot.zoom(1 / NEARER), 0: () => plot.look(WHOLE), Escape: letGo };
    const onPoint = { Enter: heard.pin, " ": heard.pin, s: heard.choose };
    const arrow = ARROWS[key];
    if (arrow && event.shiftKey) plot.look(panBy(plot.view, plot.size, -STEP * arrow[0], -STEP * arrow[1]));
    else if (arrow) go(arrow);
    else if (acts[key]) acts[key]();
    else if (onPoint[key] && plot.hovered !== null) onPoint[key](plot.hovered);
    else return;
    event.preventDefault();
  }

  /** To the next point in a direction; at first, to the one nearest to the middle. */
  function go(arrow) {
    const { places, shown, view, hovered } = plot;
    const row = shown[hovered] ? nextPoint(places, shown, hovered, arrow) : nearestPoint(places, shown, view.x, view.y);
    if (row === null) return;
    const seen = showPlace(view, plot.size, ...plot.placeOf(row));
    if (seen.x !== view.x || seen.y !== view.y) plot.look(seen);
    heard.hover(row, "key");
    plot.peekSoon(row);
  }

  function letGo() {
    gesture = null;
    heard.hover(null);
    heard.select([]);
  }

  /** The wheel zooms where the pointer was moved to the map; else, and at the end of the zoom, the page scrolls on. */
  function onWheel(event) {
    if (!event.ctrlKey && (!isAimed || (event.deltaY > 0 && plot.view.zoom === 1))) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 20 : 1);
    plot.zoom(Math.exp(-Math.max(-120, Math.min(120, pixels)) / (event.ctrlKey ? 120 : 300)), spotOf(event));
  }

  function onDown(event) {
    if (event.button !== 0) return;
    const spot = spotOf(event);
    root.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, spot);
    const isFirst = pointers.size === 1;
    gesture = { start: spot, isDrag: !isFirst, line: isFirst && plot.tool === "lasso" ? [plot.placeAt(spot)] : null };
  }

  function onMove(event) {
    if (event.movementX || event.movementY) isAimed = true;
    const [spot, before] = [spotOf(event), pointers.get(event.pointerId)];
    if (!before && event.pointerType !== "touch") hoverAt(spot);
    if (!before || gesture === null) return;
    gesture.isDrag ||= distance(spot, gesture.start) > SLIP;
    if (gesture.isDrag) drag(event.pointerId, before, spot);
  }

  function drag(moving, before, now) {
    if (pointers.size === 2) pinch(moving, before, now);
    else if (gesture.line) gesture.line.push(plot.placeAt(now));
    else plot.look(panBy(plot.view, plot.size, now[0] - before[0], now[1] - before[1]));
    pointers.set(moving, now);
    plot.paintSoon();
  }

  function pinch(moving, before, now) {
    const [[, other]] = [...pointers].filter(([id]) => id !== moving);
    const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    const moved = panBy(plot.view, plot.size, (now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    plot.look(zoomBy(moved, plot.size, Math.max(10, distance(now, other)) / Math.max(10, distance(before, other)), middle));
  }

  function onUp(event) {
    if (!pointers.delete(event.pointerId) || pointers.size > 0 || gesture === null) return;
    const { isDrag, line } = gesture;
    gesture = null;
    plot.paintSoon();
    if (event.type === "pointercancel") return;
    if (!isDrag) tap(event);
    else if (line) heard.select(pointsWithin(plot.places, plot.shown, line));
  }

  function onLeave({ pointerType }) {
    if (pointerType !== "touch" && pointers.size === 0) heard.hover(null);
  }

  function tap(event) {
    const row = plot.rowAt(spotOf(event), event.pointerType === "touch" ? TOUCH_REACH : REACH);
    if (row === null) return;
    heard.hover(row);
    heard.pin(row);
    plot.peekSoon(row);
  }

  function hoverAt(spot) {
    const row = plot.rowAt(spot, REACH);
    if (row === plot.hovered) return;
    heard.hover(row);
    if (row !== null) plot.peekSoon(row);
  }

  function spotOf(event) {
    const { left, top } = root.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }
}

const distance = (one, other) => Math.hypot(one[0] - other[0], one[1] - other[1]);
