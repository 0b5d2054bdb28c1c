// A pad to draw on, by mouse, pen, touch and keyboard. It also shows a picture, which the first stroke takes away.

import { ARROWS, OWN_TOUCH, button, element } from "./dom.js";
import { plural } from "./format.js";
import { canvasOf, fromImageData } from "./pixels.js";

const SIZE = 448; // pixels of the longer side
const STEP = SIZE / 24; // how far an arrow key moves the pen
const [THIN, THICK, USUAL] = [16, 80, 40];

/**
 * A pad for images of a size, on `paper` of 0 (black) or 1 (white); null is for a pad that only shows.
 *
 * `onInk(isDone)` is called whenever what is drawn changes; `isDone` once a stroke has ended. `say(text)` speaks.
 */
export function createPad({ width: wide, height: high }, paper, onInk, say) {
  const scale = SIZE / Math.max(wide, high);
  const [width, height] = [Math.round(wide * scale), Math.round(high * scale)];
  const roles = paper === null ? { role: "img" } : { role: "application", "aria-roledescription": "drawing pad", "aria-describedby": "draw-keys", tabindex: 0, ...OWN_TOUCH };
  const canvas = element("canvas.pixelated", { width, height, ...roles });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const ring = element("span.ring", { "aria-hidden": "true" });
  const invitation = element("span.invitation", { "aria-hidden": "true" }, "Draw here");
  const size = element("input", { type: "range", min: THIN, max: THICK, step: 4, value: USUAL, "aria-label": "Brush size" });
  const [undoing, clearing] = [button("Undo", undo), button("Clear", clear)];
  const past = []; // what `undo` brings back
  let strokes = []; // each [[x, y, width], ...]; lists are replaced and never changed but for the stroke being drawn
  let pointer = null; // the one that draws; others are ignored
  const pen = { x: width / 2, y: height / 2, isDown: false }; // of the keyboard
  let label = null; // of the picture that is shown

  function pointOf({ clientX, clientY, pointerType, pressure }) {
    const box = canvas.getBoundingClientRect();
    const share = pointerType === "pen" && pressure > 0 ? 0.5 + pressure : 1;
    return [(clientX - box.left) * (width / box.width), (clientY - box.top) * (width / box.width), share * Number(size.value)];
  }

  function press(event) {
    if (pointer !== null || event.button !== 0) return;
    lift();
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    begin(pointOf(event));
  }

  function drag(event) {
    if (event.pointerId !== pointer) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) extend(pointOf(one));
    onInk(false);
  }

  function release(event) {
    if (event.pointerId !== pointer) return;
    pointer = null;
    tell();
    onInk(true);
  }

  function begin(point) {
    if (label !== null) wipe();
    past.push(strokes);
    strokes = [...strokes, [point]];
    segment(point, point);
    tell();
    onInk(false);
  }

  function extend(point) {
    const stroke = strokes.at(-1);
    segment(stroke.at(-1), point);
    stroke.push(point);
  }

  function segment([fromX, fromY], [x, y, lineWidth]) {
    Object.assign(context, { strokeStyle: paper ? "#000" : "#fff", lineCap: "round", lineWidth });
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(x, y);
    context.stroke();
  }

  function wipe() {
    label = null;
    context.fillStyle = paper ? "#fff" : "#000";
    context.fillRect(0, 0, width, height);
  }

  function change() {
    lift();
    wipe();
    for (const stroke of strokes) stroke.forEach((point, index) => segment(stroke[Math.max(0, index - 1)], point));
    tell();
    onInk(true);
  }

  function undo() {
    if (past.length === 0) return;
    strokes = past.pop();
    change();
  }

  function leave() {
    if (strokes.length > 0) past.push(strokes);
    strokes = [];
  }

  function clear() {
    leave();
    change();
  }

  function onKey(event) {
    const isCommand = event.ctrlKey || event.metaKey;
    const isUndo = event.key === "Backspace" || (isCommand && event.key.toLowerCase() === "z");
    if (event.altKey || (isCommand && !isUndo)) return;
    if (event.key in ARROWS) move(...ARROWS[event.key]);
    else if (event.key === " ") toggle();
    else if (isUndo) undo();
    else if (event.key === "Delete") clear();
    else if (event.key === "Escape") lift();
    else return;
    event.preventDefault();
  }

  function move(across, down) {
    pen.x = Math.max(0, Math.min(width, pen.x + across * STEP));
    pen.y = Math.max(0, Math.min(height, pen.y + down * STEP));
    if (pen.isDown) {
      extend([pen.x, pen.y, Number(size.value)]);
      onInk(false);
    }
    showPen();
    say(`${Math.round((100 * pen.x) / width)} from the left, ${Math.round((100 * pen.y) / height)} from the top`);
  }

  function toggle() {
    if (pen.isDown) return lift();
    pen.isDown = true;
    begin([pen.x, pen.y, Number(size.value)]);
    showPen();
    say("Pen down.");
  }

  function lift() {
    if (!pen.isDown) return;
    pen.isDown = false;
    showPen();
    say("Pen up.");
    onInk(true);
  }

  function showPen() {
    ring.classList.add("shown");
    ring.classList.toggle("down", pen.isDown);
    ring.style.left = `${(100 * pen.x) / width}%`;
    ring.style.top = `${(100 * pen.y) / height}%`;
    tell();
  }

  function tell() {
    invitation.hidden = strokes.length > 0;
    const content = label !== null ? `shows ${label}` : strokes.length > 0 ? plural(strokes.length, "stroke") : "empty";
    const held = ring.classList.contains("shown") ? `, pen ${pen.isDown ? "down" : "up"}` : "";
    [undoing.disabled, clearing.disabled] = [past.length === 0, strokes.length === 0 && label === null];
    canvas.ariaLabel = paper === null ? (label ?? "") : `Drawing pad: ${content}${held}`;
  }

  if (paper !== null) {
    const heard = { pointerdown: press, pointermove: drag, pointerup: release, pointercancel: release, lostpointercapture: release, keydown: onKey, blur: lift };
    for (const [name, listener] of Object.entries(heard)) canvas.addEventListener(name, listener);
  }
  wipe();
  tell();
  return {
    nodes: [element("div.pad", canvas, ring, paper !== null && invitation),
      paper !== null && element("div.row.tools", element("label.field", "Brush", size), undoing, clearing)],
    isEmpty: () => strokes.length === 0,
    /** What is drawn as an image, 0 without ink and 1 with it. */
    read() {
      const ink = fromImageData(context.getImageData(0, 0, width, height), 1);
      return paper ? { ...ink, values: ink.values.map((value) => 1 - value) } : ink;
    },
    /** Show an image or a bitmap in place of what is drawn, which `undo` brings back. */
    show(picture, name) {
      leave();
      lift();
      wipe();
      label = name;
      tell();
      const source = picture instanceof ImageBitmap ? picture : canvasOf(picture);
      Object.assign(context, { imageSmoothingEnabled: source.width > width, imageSmoothingQuality: "high" });
      const fitted = Math.min(width / source.width, height / source.height);
      const [across, down] = [source.width * fitted, source.height * fitted];
      context.drawImage(source, (width - across) / 2, (height - down) / 2, across, down);
    },
  };
}
