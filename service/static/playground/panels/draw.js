// The image being looked at: drawn, picked or uploaded, with what the model makes of it.

import * as calls from "../calls.js";
import { button, element } from "../dom.js";
import { createFindings } from "../findings.js";
import { centre, findStyle } from "../ink.js";
import { createLine } from "../line.js";
import { createPad } from "../pad.js";
import { followSample } from "../panel.js";
import { readBase64, writeBase64 } from "../pixels.js";
import { showProblem } from "../problem.js";
import { capital, isSame, nameOf, refer } from "../sample.js";
import { fileButton, prepare, readFile, takeFiles } from "../upload.js";
import { tellVerdict } from "../verdict.js";

export function mount(body, context) {
  const desk = followSample(body, context.state, ["subject", "a", "b"], ({ sample, choice }) => createDesk(sample, choice, context));
  takeFiles(body.parentElement, (file) => desk()?.take(file));
}

function createDesk(sample, choice, { state, api, announce }) {
  const style = findStyle(sample);
  const pad = createPad(sample.image, style?.paper ?? null, redraw, announce);
  const findings = createFindings(sample, choice, setEnd, announce);
  const asOwn = element("input", { type: "checkbox", onchange: lookAtFile }); // for files
  const option = element("label.field", { hidden: true }, asOwn, "Crop, centre and colour it like the model’s own images");
  const fault = element("div.notice");
  const line = createLine(look);
  let shown = null; // the store's subject, but for the example in the beginning
  let written = null; // what this panel wrote into the store last
  let held = null; // { picture, fileName } of the file that is shown
  let frame = 0;

  async function take(file) {
    showProblem(fault, null);
    try {
      const picture = await readFile(file, sample.image.channels);
      if (state.get().sample !== sample) return; // another model came meanwhile
      const isReady = picture.image.width === sample.image.width && picture.image.height === sample.image.height;
      asOwn.checked = Boolean(style?.isInk) && !isReady;
      held = { picture, fileName: file.name };
      lookAtFile();
    } catch (error) {
      showProblem(fault, error);
    }
  }

  function lookAtFile() {
    const { picture, fileName } = held;
    const image = prepare(picture.image, sample.image, asOwn.checked ? style : null);
    show({ kind: "file", row: null, image, latent: null, fileName }, { isAloud: true, picture: picture.bitmap });
  }

  function pickRandom() {
    const step = 1 + Math.floor(Math.random() * Math.max(1, sample.count - 1)); // never the same again
    show(refer(sample, ((shown?.row ?? 0) + step) % sample.count), { isAloud: true });
  }

  /** What is drawn is prepared once a frame, however many events there are. */
  function redraw(isDone) {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      if (pad.isEmpty()) return empty();
      const image = centre(pad.read(), style, sample.image);
      const subject = { kind: "drawing", row: null, image, latent: null };
      if (shown?.kind !== "drawing") line.drop(); // else a picture that still comes would take the drawing's place
      begin(subject);
      findings.see(image);
      line.ask({ subject, isAloud: isDone });
    });
  }

  function empty() {
    line.drop();
    shown = null;
    findings.name("Nothing drawn yet");
    findings.show(null);
    write(null);
  }

  /** Show a whole image: on the pad, then what the model makes of it. */
  function show(subject, { isExample = false, isAloud = false, picture = null } = {}) {
    line.drop();
    cancelAnimationFrame(frame);
    begin(subject, isExample);
    if (!isExample) write(subject);
    line.ask({ subject, isExample, isAloud, picture, isWhole: true });
  }

  function begin(subject, isExample = false) {
    shown = subject;
    if (subject.kind !== "file") held = null;
    showProblem(fault, null);
    option.hidden = !(held && style);
    const name = nameOf(sample, subject);
    findings.name(isExample ? `For example, ${name}` : capital(name));
  }

  async function look(asked, signal) {
    let { subject } = asked;
    try {
      subject = { ...subject, image: subject.image ?? (await imageOf(subject, signal)) };
      if (signal.aborted) return;
      if (asked.isWhole) pad.show(asked.picture ?? subject.image, nameOf(sample, subject));
      subject = { ...subject, ...(await judge(subject.image, signal)) };
      if (!signal.aborted) present(subject, asked);
    } catch (error) {
      if (!signal.aborted) present(subject, asked, error);
    }
  }

  async function judge(image, signal) {
    const images = [writeBase64(image)];
    const call = calls.reconstruct(choice, images);
    const [{ reconstructions: [{ image: file, mse, percentile }] }, { latents: [latent] }] = await Promise.all([
      api.json(call, { signal }),
      api.json(calls.encode(choice, images), { signal }),
    ]);
    return { latent: Float32Array.from(latent), reconstruction: await readBase64(file, image.channels), mse, percentile, call };
  }

  function present(found, { subject, isExample, isAloud }, error = null) {
    showProblem(findings.notice, error);
    findings.show(found);
    if (shown === subject) shown = found;
    else findings.see(shown.image); // the hand is further already
    if (!isExample) write(found);
    if (isAloud && error === null) announce(`${capital(nameOf(sample, found))}. ${tellVerdict(found)}`);
  }

  /** The pixels of what is known by its row or its latent vector only. */
  async function imageOf({ row, latent }, signal) {
    if (row !== null) return sample.pixels(row, { signal });
    const { images } = await api.json(calls.decode(choice, [[...latent]]), { signal });
    return readBase64(images[0], sample.image.channels);
  }

  function setEnd(end) {
    const { kind, row, image, latent } = shown;
    state.set({ [end]: { kind, row, image, latent } });
    announce(`${capital(nameOf(sample, shown))} is ${end.toUpperCase()} of the interpolation.`);
  }

  function write(subject) {
    written = subject;
    state.set({ subject });
  }

  show(refer(sample, 0), { isExample: true });
  return {
    nodes: element("div.desk", element("div.card.sources", pad.nodes,
      element("div.row", button("Random image", pickRandom), fileButton(take)), option, fault,
      element("p.note", style ? "Draw above, drop a picture here, or paste one." : "Drop a picture here, or paste one. This model is of colours, so there is no pen."),
      style && element("p.note", { id: "draw-keys" }, "By keyboard: arrow keys move the pen, space lowers and lifts it, backspace takes a stroke back, delete clears.")),
    findings.node),
    take,
    follow({ subject, a, b }) {
      if (subject !== written) {
        written = subject;
        if (subject) show(subject);
      }
      findings.mark([a, b].map((end) => isSame(end, shown)));
    },
    close() {
      line.drop();
      cancelAnimationFrame(frame);
    },
  };
}
