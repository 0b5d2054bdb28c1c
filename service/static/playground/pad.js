// A pad to draw on, by mouse, pen, touch and keyboard. It also shows a picture, which the first stroke takes away.

import { element } from "./dom.js";
import { fromImageData, toImageData } from "./pixels.js";

const SIZE = 448; // pixels of the longer side
const STEP = SIZE / 24; // how far an arrow key moves the pen
const [THIN, THICK, USUAL] = [16, 80, 40];

/** A pad, with its element as `node` and the width of its brush as `brush`. */
export class Pad {
  #canvas;
  #ring = element("span", { class: "ring", "aria-hidden": "true" });
  #invitation = element("span", { class: "invitation", "aria-hidden": "true" }, "Draw here");
  #paper;
  #onInk;
  #say;
  #strokes = []; // each [[x, y, width], ...]; lists are replaced and never changed but for the stroke being drawn
  #past = [];
  #pointer = null; // the one that draws; others are ignored
  #pen = null; // of the keyboard: { x, y, isDown }
  #hasPicture = false;
  #label = "";
  brush = USUAL;

  /**
   * For images of a size, on `paper` of 0 (black) or 1 (white); null is for a pad that only shows.
   *
   * `onInk(isDone)` is called whenever what is drawn changes; `isDone` once a stroke has ended. `say(text)` speaks.
   */
  constructor(size, paper, onInk, say) {
    const scale = SIZE / Math.max(size.width, size.height);
    this.#canvas = element("canvas", { width: Math.round(size.width * scale), height: Math.round(size.height * scale), class: "pixelated" });
    this.#paper = paper;
    this.#onInk = onInk;
    this.#say = say;
    this.node = element("div", { class: "pad" }, this.#canvas, this.#ring, paper !== null && this.#invitation);
    if (paper === null) this.#canvas.setAttribute("role", "img");
    else this.#listen();
    this.#repaint();
  }

  get isEmpty() {
    return this.#strokes.length === 0;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  /** What is drawn: { width, height, channels: 1, values }, 0 without ink and 1 with it. */
  read() {
    const { width, height } = this.#canvas;
    const ink = fromImageData(this.#context().getImageData(0, 0, width, height), 1);
    return this.#paper ? { ...ink, values: ink.values.map((value) => 1 - value) } : ink;
  }

  undo() {
    if (!this.canUndo) return;
    this.#strokes = this.#past.pop();
    this.#change();
  }

  clear() {
    if (!this.isEmpty) this.#past.push(this.#strokes);
    this.#strokes = [];
    this.#change();
  }

  /** Show a picture (an image of pixels.js or a bitmap) in place of what is drawn, which `undo` brings back. */
  show(picture, label) {
    if (!this.isEmpty) this.#past.push(this.#strokes);
    this.#lift();
    this.#strokes = [];
    this.#repaint();
    this.#hasPicture = true;
    this.#label = label;
    this.#tell();
    const source = picture instanceof ImageBitmap ? picture : canvasWith(toImageData(picture));
    const { width, height } = this.#canvas;
    const context = this.#context();
    context.imageSmoothingEnabled = source.width > width;
    context.imageSmoothingQuality = "high";
    const scale = Math.min(width / source.width, height / source.height);
    const [wide, high] = [source.width * scale, source.height * scale];
    context.drawImage(source, (width - wide) / 2, (height - high) / 2, wide, high);
  }

  #context() {
    return this.#canvas.getContext("2d", { willReadFrequently: true });
  }

  #listen() {
    const canvas = this.#canvas;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", "drawing pad");
    canvas.setAttribute("aria-describedby", "draw-keys");
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#drag(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) canvas.addEventListener(name, (event) => this.#release(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#lift());
  }

  #press(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    this.#lift();
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#begin(this.#pointOf(event));
  }

  #drag(event) {
    if (event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.#extend(this.#pointOf(one));
    this.#onInk(false);
  }

  #release(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#tell();
    this.#onInk(true);
  }

  /** Pens press more or less; a mouse and a finger do not. */
  #pointOf({ clientX, clientY, pointerType, pressure }) {
    const box = this.#canvas.getBoundingClientRect();
    const scale = this.#canvas.width / box.width;
    const width = pointerType === "pen" && pressure > 0 ? this.brush * (0.5 + pressure) : this.brush;
    return [(clientX - box.left) * scale, (clientY - box.top) * scale, width];
  }

  #begin(point) {
    if (this.#hasPicture) this.#wipe();
    this.#past.push(this.#strokes);
    this.#strokes = [...this.#strokes, [point]];
    this.#segment(point, point);
    this.#onInk(false);
  }

  #extend(point) {
    const stroke = this.#strokes.at(-1);
    this.#segment(stroke.at(-1), point);
    stroke.push(point);
  }

  #segment([fromX, fromY], [x, y, width]) {
    const context = this.#context();
    context.strokeStyle = this.#paper ? "#000" : "#fff";
    context.lineCap = "round";
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(x, y);
    context.stroke();
  }

  #wipe() {
    this.#hasPicture = false;
    const context = this.#context();
    context.fillStyle = this.#paper ? "#fff" : "#000";
    context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  #repaint() {
    this.#wipe();
    for (const stroke of this.#strokes) stroke.forEach((point, index) => this.#segment(stroke[Math.max(0, index - 1)], point));
    this.#tell();
  }

  #change() {
    this.#lift();
    this.#repaint();
    this.#onInk(true);
  }

  #key(event) {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const isUndo = event.key === "Backspace" || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z");
    if (event.altKey || ((event.ctrlKey || event.metaKey) && !isUndo)) return;
    if (move) this.#move(...move);
    else if (event.key === " ") this.#toggle();
    else if (isUndo) this.undo();
    else if (event.key === "Delete") this.clear();
    else if (event.key === "Escape") this.#lift();
    else return;
    event.preventDefault();
  }

  #move(across, down) {
    const { width, height } = this.#canvas;
    this.#pen ??= { x: width / 2, y: height / 2, isDown: false };
    this.#pen.x = Math.max(0, Math.min(width, this.#pen.x + across * STEP));
    this.#pen.y = Math.max(0, Math.min(height, this.#pen.y + down * STEP));
    if (this.#pen.isDown) {
      this.#extend([this.#pen.x, this.#pen.y, this.brush]);
      this.#onInk(false);
    }
    this.#showPen();
    this.#say(`${Math.round((100 * this.#pen.x) / width)} from the left, ${Math.round((100 * this.#pen.y) / height)} from the top`);
  }

  #toggle() {
    this.#pen ??= { x: this.#canvas.width / 2, y: this.#canvas.height / 2, isDown: false };
    if (this.#pen.isDown) {
      this.#lift();
      return;
    }
    this.#pen.isDown = true;
    this.#begin([this.#pen.x, this.#pen.y, this.brush]);
    this.#showPen();
    this.#say("Pen down.");
  }

  #lift() {
    if (!this.#pen?.isDown) return;
    this.#pen.isDown = false;
    this.#showPen();
    this.#say("Pen up.");
    this.#onInk(true);
  }

  #showPen() {
    const { width, height } = this.#canvas;
    this.#ring.classList.add("shown");
    this.#ring.classList.toggle("down", this.#pen.isDown);
    this.#ring.style.setProperty("left", `${(100 * this.#pen.x) / width}%`);
    this.#ring.style.setProperty("top", `${(100 * this.#pen.y) / height}%`);
    this.#tell();
  }

  /** The pad's state, for those who do not see it. */
  #tell() {
    this.#invitation.hidden = !this.isEmpty;
    const drawn = this.isEmpty ? "empty" : `${this.#strokes.length} ${this.#strokes.length === 1 ? "stroke" : "strokes"}`;
    const content = this.#hasPicture ? `shows ${this.#label}` : drawn;
    const pen = this.#pen === null ? "" : `, pen ${this.#pen.isDown ? "down" : "up"}`;
    this.#canvas.setAttribute("aria-label", this.#paper === null ? this.#label : `Drawing pad: ${content}${pen}`);
  }
}

/** Brush size, undo and clear for a pad; `update()` after a change says which of them can be used. */
export function createTools(pad) {
  const size = element("input", {
    type: "range", min: THIN, max: THICK, step: 4, value: USUAL, "aria-label": "Brush size", oninput: () => (pad.brush = Number(size.value)),
  });
  const undo = element("button", { type: "button", class: "button", onclick: () => pad.undo() }, "Undo");
  const clear = element("button", { type: "button", class: "button", onclick: () => pad.clear() }, "Clear");
  const node = element("div", { class: "row tools" }, element("label", { class: "field" }, "Brush", size), undo, clear);
  const update = (hasPicture) => {
    undo.disabled = !pad.canUndo;
    clear.disabled = pad.isEmpty && !hasPicture;
  };
  return { node, update };
}

function canvasWith(data) {
  const canvas = element("canvas", { width: data.width, height: data.height });
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}
