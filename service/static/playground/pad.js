// A pad to draw on, by mouse, pen, touch and keyboard. It also shows a picture, which the first stroke takes away.

import { button } from "./controls.js";
import { element } from "./dom.js";
import { plural } from "./format.js";
import { canvasOf, fromImageData } from "./pixels.js";

const SIZE = 448; // pixels of the longer side
const STEP = SIZE / 24; // how far an arrow key moves the pen
const [THIN, THICK, USUAL] = [16, 80, 40];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * A pad for images of a size, on `paper` of 0 (black) or 1 (white); null is for a pad that only shows.
 *
 * `onInk(isDone)` is called whenever what is drawn changes; `isDone` once a stroke has ended. `say(text)` speaks.
 */
export function createPad({ width: wide, height: high }, paper, onInk, say) {
  const scale = SIZE / Math.max(wide, high);
  const [width, height] = [Math.round(wide * scale), Math.round(high * scale)];
  const canvas = element("canvas.pixelated", { width, height, role: paper === null ? "img" : "application" });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const ring = element("span.ring", { "aria-hidden": "true" });
  const invitation = element("span.invitation", { "aria-hidden": "true" }, "Draw here");
  const past = []; // what `undo` brings back
  let strokes = []; // each [[x, y, width], ...]; lists are replaced and never changed but for the stroke being drawn
  let pointer = null; // the one that draws; others are ignored
  let pen = null; // of the keyboard: { x, y, isDown }
  let label = null; // of the picture that is shown
  let brush = USUAL;

  /** Pens press more or less; a mouse and a finger do not. */
  function pointOf({ clientX, clientY, pointerType, pressure }) {
    const box = canvas.getBoundingClientRect();
    const size = pointerType === "pen" && pressure > 0 ? brush * (0.5 + pressure) : brush;
    return [(clientX - box.left) * (width / box.width), (clientY - box.top) * (width / box.width), size];
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
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) extend(pointOf(one));
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
    onInk(false);
  }

  function extend(point) {
    const stroke = strokes.at(-1);
    segment(stroke.at(-1), point);
    stroke.push(point);
  }

  function segment([fromX, fromY], [x, y, size]) {
    Object.assign(context, { strokeStyle: paper ? "#000" : "#fff", lineCap: "round", lineWidth: size });
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

  /** Put what is drawn aside. */
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
    pen ??= { x: width / 2, y: height / 2, isDown: false };
    pen.x = Math.max(0, Math.min(width, pen.x + across * STEP));
    pen.y = Math.max(0, Math.min(height, pen.y + down * STEP));
    if (pen.isDown) {
      extend([pen.x, pen.y, brush]);
      onInk(false);
    }
    showPen();
    say(`${Math.round((100 * pen.x) / width)} from the left, ${Math.round((100 * pen.y) / height)} from the top`);
  }

  function toggle() {
    if (pen?.isDown) return lift();
    pen = { x: width / 2, y: height / 2, ...pen, isDown: true };
    begin([pen.x, pen.y, brush]);
    showPen();
    say("Pen down.");
  }

  function lift() {
    if (!pen?.isDown) return;
    pen.isDown = false;
    showPen();
    say("Pen up.");
    onInk(true);
  }

  function showPen() {
    ring.classList.add("shown");
    ring.classList.toggle("down", pen.isDown);
    ring.style.setProperty("left", `${(100 * pen.x) / width}%`);
    ring.style.setProperty("top", `${(100 * pen.y) / height}%`);
    tell();
  }

  /** The pad's state, for those who do not see it. */
  function tell() {
    invitation.hidden = strokes.length > 0;
    const content = label !== null ? `shows ${label}` : strokes.length > 0 ? plural(strokes.length, "stroke") : "empty";
    const held = pen === null ? "" : `, pen ${pen.isDown ? "down" : "up"}`;
    canvas.setAttribute("aria-label", paper === null ? (label ?? "") : `Drawing pad: ${content}${held}`);
  }

  if (paper !== null) {
    for (const [name, value] of Object.entries({ tabindex: 0, "aria-roledescription": "drawing pad", "aria-describedby": "draw-keys" })) canvas.setAttribute(name, value);
    const heard = { pointerdown: press, pointermove: drag, pointerup: release, pointercancel: release, lostpointercapture: release, keydown: onKey, blur: lift };
    for (const [name, listener] of Object.entries(heard)) canvas.addEventListener(name, listener);
  }
  wipe();
  tell();
  return {
    node: element("div.pad", canvas, ring, paper !== null && invitation),
    undo,
    clear,
    isEmpty: () => strokes.length === 0,
    canUndo: () => past.length > 0,
    setBrush: (size) => (brush = size),
    /** What is drawn: { width, height, channels: 1, values }, 0 without ink and 1 with it. */
    read() {
      const ink = fromImageData(context.getImageData(0, 0, width, height), 1);
      return paper ? { ...ink, values: ink.values.map((value) => 1 - value) } : ink;
    },
    /** Show a picture (an image of pixels.js or a bitmap) in place of what is drawn, which `undo` brings back. */
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

/** Brush size, undo and clear for a pad; `update()` after a change says which of them can be used. */
export function createTools(pad) {
  const size = element("input", { type: "range", min: THIN, max: THICK, step: 4, value: USUAL, "aria-label": "Brush size", oninput: () => pad.setBrush(Number(size.value)) });
  const [undo, clear] = [button("Undo", pad.undo), button("Clear", pad.clear)];
  return {
    node: element("div.row.tools", element("label.field", "Brush", size), undo, clear),
    update(hasPicture) {
      undo.disabled = !pad.canUndo();
      clear.disabled = pad.isEmpty() && !hasPicture;
    },
  };
}
