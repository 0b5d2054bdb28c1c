// The image being looked at: drawn, picked or uploaded, with what the model makes of it.

import * as calls from "../calls.js";
import { element, fill } from "../dom.js";
import { createFindings } from "../findings.js";
import { centre, findStyle } from "../ink.js";
import { createLine } from "../line.js";
import { createTools, Pad } from "../pad.js";
import { open, waiting } from "../panel.js";
import { readBase64, writeBase64 } from "../pixels.js";
import { showProblem } from "../problem.js";
import { refer } from "../sample.js";
import { fileButton, prepare, readFile, takeFiles } from "../upload.js";
import { tellVerdict } from "../verdict.js";

export function mount(root, context) {
  const body = open(root, "Draw, pick or upload", "What the model sees, what it makes of it, and how unusual that is.");
  let desk = null;
  let held = null;
  context.state.on(["sample", "subject", "a", "b"], ({ sample, subject, a, b }) => {
    if (sample !== held) {
      desk?.leave();
      held = sample;
      desk = sample && new Desk(context, sample);
      fill(body, desk ? desk.node : waiting());
    }
    desk?.follow(subject, a, b);
  });
  takeFiles(root, (file) => desk?.take(file));
}

/** All that is there for one model. */
class Desk {
  #state;
  #api;
  #announce;
  #sample;
  #choice;
  #style;
  #pad;
  #tools = null;
  #findings;
  #asOwn = element("input", { type: "checkbox", onchange: () => this.#lookAtFile() }); // for files
  #option = element("label", { class: "field option", hidden: true }, this.#asOwn, "Crop, centre and colour it like the model’s own images");
  #fault = element("div", { class: "notice" });
  #line = createLine((asked, signal) => this.#look(asked, signal));
  #subject = null; // what is shown; it is the store's, but for the example in the beginning
  #written = null; // what this panel wrote into the store last
  #file = null; // { picture, fileName } of the file that is shown
  #frame = 0;

  constructor({ state, api, announce }, sample) {
    this.#state = state;
    this.#api = api;
    this.#announce = announce;
    this.#sample = sample;
    this.#choice = state.get().choice;
    this.#style = findStyle(sample);
    this.#pad = new Pad(sample.image, this.#style?.paper ?? null, (isDone) => this.#redraw(isDone), announce);
    if (this.#style) this.#tools = createTools(this.#pad);
    this.#findings = createFindings(sample, this.#choice, (end) => this.#setEnd(end), announce);
    this.node = element("div", { class: "desk" }, this.#sources(), this.#findings.node);
    this.#show(refer(sample, 0), { isExample: true });
  }

  /** Nothing may come of this desk any more. */
  leave() {
    this.#line.drop();
    cancelAnimationFrame(this.#frame);
  }

  /** Show what another panel wrote into the store. */
  follow(subject, a, b) {
    if (subject !== this.#written) {
      this.#written = subject;
      if (subject) this.#show(subject);
    }
    this.#findings.mark([a, b].map((end) => isSame(end, this.#subject)));
  }

  /** Look at a file. */
  async take(file) {
    showProblem(this.#fault, null);
    try {
      const picture = await readFile(file, this.#sample.image.channels);
      if (this.#state.get().sample !== this.#sample) return; // another model came meanwhile
      const { width, height } = this.#sample.image;
      const isReady = picture.image.width === width && picture.image.height === height;
      this.#asOwn.checked = Boolean(this.#style?.isInk) && !isReady;
      this.#file = { picture, fileName: file.name };
      this.#lookAtFile();
    } catch (error) {
      showProblem(this.#fault, error);
    }
  }

  #sources() {
    const random = element("button", { type: "button", class: "button", onclick: () => this.#pickRandom() }, "Random image");
    const hint = this.#style ? "Draw above, drop a picture here, or paste one." : "Drop a picture here, or paste one. This model is of colours, so there is no pen.";
    const keys = this.#style && element("p", { id: "draw-keys", class: "note" }, "By keyboard: arrow keys move the pen, space lowers and lifts it, backspace takes a stroke back, delete clears.");
    return element("div", { class: "card sources" }, this.#pad.node, this.#tools?.node,
      element("div", { class: "row" }, random, fileButton((file) => this.take(file))), this.#option, this.#fault,
      element("p", { class: "note" }, hint), keys);
  }

  #pickRandom() {
    const { count } = this.#sample;
    const step = 1 + Math.floor(Math.random() * Math.max(1, count - 1)); // never the same again
    this.#show(refer(this.#sample, ((this.#subject?.row ?? 0) + step) % count), { isAloud: true });
  }

  #lookAtFile() {
    const { picture, fileName } = this.#file;
    const image = prepare(picture.image, this.#sample.image, this.#asOwn.checked ? this.#style : null);
    this.#show({ kind: "file", row: null, image, latent: null, fileName }, { isAloud: true, picture: picture.bitmap });
  }

  /** After a stroke, or a part of one: what is drawn is prepared once a frame, however many events there are. */
  #redraw(isDone) {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      this.#tools.update(false);
      if (this.#pad.isEmpty) return this.#empty();
      const image = centre(this.#pad.read(), this.#style, this.#sample.image);
      const subject = { kind: "drawing", row: null, image, latent: null };
      if (this.#subject?.kind !== "drawing") this.#line.drop(); // else a picture that still comes would take the drawing's place
      this.#begin(subject);
      this.#findings.see(image);
      this.#line.ask({ subject, isAloud: isDone });
    });
  }

  #empty() {
    this.#line.drop();
    this.#subject = null;
    this.#findings.name("Nothing drawn yet");
    this.#findings.show(null);
    this.#write(null);
  }

  /** Show an image that is there as a whole: on the pad, then what the model makes of it. */
  #show(subject, { isExample = false, isAloud = false, picture = null } = {}) {
    this.#line.drop();
    cancelAnimationFrame(this.#frame);
    this.#begin(subject, isExample);
    if (!isExample) this.#write(subject);
    this.#line.ask({ subject, isExample, isAloud, picture, isWhole: true });
  }

  #begin(subject, isExample = false) {
    this.#subject = subject;
    if (subject.kind !== "file") this.#file = null;
    showProblem(this.#fault, null);
    this.#option.hidden = !(this.#file && this.#style);
    this.#findings.name(isExample ? `For example, ${this.#nameOf(subject)}` : capital(this.#nameOf(subject)));
  }

  /** Ask the service about one image, and show and share the answer. */
  async #look(asked, signal) {
    let { subject } = asked;
    try {
      subject = { ...subject, image: subject.image ?? (await this.#imageOf(subject, signal)) };
      if (signal.aborted) return;
      if (asked.isWhole) {
        this.#pad.show(asked.picture ?? subject.image, this.#nameOf(subject));
        this.#tools?.update(true);
      }
      subject = { ...subject, ...(await this.#judge(subject.image, signal)) };
      if (!signal.aborted) this.#present(subject, asked);
    } catch (error) {
      if (!signal.aborted) this.#present(subject, asked, error);
    }
  }

  /** What the model makes of an image. */
  async #judge(image, signal) {
    const body = { json: { images: [writeBase64(image)] } };
    const call = calls.reconstruct(this.#choice, body);
    const [{ reconstructions: [{ image: file, mse, percentile }] }, { latents: [latent] }] = await Promise.all([
      this.#api.json(call, { signal }),
      this.#api.json(calls.encode(this.#choice, body), { signal }),
    ]);
    return { latent: Float32Array.from(latent), reconstruction: await readBase64(file, image.channels), mse, percentile, call };
  }

  #present(found, { subject, isExample, isAloud }, error = null) {
    showProblem(this.#findings.notice, error);
    this.#findings.show(found);
    if (this.#subject === subject) this.#subject = found;
    else this.#findings.see(this.#subject.image); // the hand is further already
    if (!isExample) this.#write(found);
    if (isAloud && error === null) this.#announce(`${capital(this.#nameOf(found))}. ${tellVerdict(found)}`);
  }

  /** The pixels of what is known by its row or its latent vector only. */
  async #imageOf({ row, latent }, signal) {
    if (row !== null) return this.#sample.pixels(row, { signal });
    const { images } = await this.#api.json(calls.decode(this.#choice, [[...latent]]), { signal });
    return readBase64(images[0], this.#sample.image.channels);
  }

  #setEnd(end) {
    const { kind, row, image, latent } = this.#subject;
    this.#state.set({ [end]: { kind, row, image, latent } });
    this.#announce(`${capital(this.#nameOf(this.#subject))} is ${end.toUpperCase()} of the interpolation.`);
  }

  #write(subject) {
    this.#written = subject;
    this.#state.set({ subject });
  }

  #nameOf({ kind, row, fileName }) {
    if (row !== null) return this.#sample.name(row);
    return { drawing: "your drawing", file: fileName || "your picture", latent: "a place in latent space" }[kind] ?? "an image";
  }
}

const isSame = (one, other) => Boolean(one && other) && (one.row === null ? one.image !== null && one.image === other.image : one.row === other.row);
const capital = (text) => text[0].toUpperCase() + text.slice(1);
