// The way from one image to another, through latent space beside a blend of pixels.

import { offerAnimation } from "../animation.js";
import * as calls from "../calls.js";
import { curlButton } from "../curl.js";
import { element, fill } from "../dom.js";
import { bodyOf, imageOf, nameOf, randomRow, typicalRows, withStandIns } from "../ends.js";
import { createFilm } from "../film.js";
import { figure } from "../format.js";
import { open, waiting } from "../panel.js";
import { decodeBase64, paint } from "../pixels.js";
import { createPlayer, isStill } from "../player.js";
import { showProblem } from "../problem.js";
import { refer } from "../sample.js";
import { onTheme } from "../theme.js";

const STEPS = [8, 16, 24, 48, 96];
const USUAL_STEPS = 24;
const METHODS = { linear: "Straight line", slerp: "Arc (spherical)" };
const ROWS = { latent: "Latent path", image: "Pixel blend" };

export function mount(root, context) {
  const body = open(root, "From one image to another",
    "The model’s way leads through latent space, and shows an image at each step. A blend of pixels shows the ghosts of both.");
  let way = null;
  context.state.on(["sample", "a", "b", "subject"], (now) => {
    if (now.sample !== (way?.sample ?? null)) {
      way?.close();
      way = now.sample && new Way(now, context);
      fill(body, way ? way.nodes : waiting());
    }
    way?.follow(now);
  });
  onTheme(() => way?.repaint());
}

/** All of the panel for one model. */
class Way {
  #state;
  #api;
  #choice;
  #typical;
  #ends = { a: null, b: null };
  #body = null; // of its calls, once the ends are known as images or latents
  #running = new AbortController();
  #count = 0; // of frames
  #player = createPlayer((index) => this.#showFrame(index), () => this.#tellPlaying());
  #cards;
  #rows = Object.entries(ROWS).map(([space, title]) => createRow(space, title, (index) => this.#seek(index)));
  #host = element("div", { class: "notice" });
  #stage = element("div", { class: "stage" });
  #place = element("input", { type: "range", class: "place", min: "0", max: "0", "aria-label": "Step of the walk", oninput: () => this.#seek(Number(this.#place.value)) });
  #play = element("button", { type: "button", class: "button primary play", onclick: () => this.#togglePlaying() });
  #loop = element("input", { type: "checkbox", checked: true, onchange: () => this.#player.loop(this.#loop.checked) });
  #steps;
  #method = createList(Object.entries(METHODS), () => this.#compute());
  #verdict = element("p", { class: "verdict" });
  #numbers = element("tbody");
  #curl;
  #animation;

  constructor({ sample, model, choice }, { state, api, announce }) {
    this.sample = sample;
    this.#state = state;
    this.#api = api;
    this.#choice = choice;
    this.#typical = typicalRows(sample);
    this.#cards = { a: this.#createCard("A", "a"), b: this.#createCard("B", "b") };
    const allowed = stepsUpTo(model.limits.max_steps);
    this.#steps = createList(allowed.map((number) => [number, String(number)]), () => this.#compute());
    this.#steps.value = String(Math.min(USUAL_STEPS, allowed.at(-1)));
    this.#curl = curlButton("the frames", () => this.#framesCall(), announce);
    this.#animation = offerAnimation(api, announce, () => this.#animationCall());
    this.#tellPlaying();
    this.#setReady(false);
    this.nodes = this.#layOut();
  }

  /** Go where the store says; what nobody chose is chosen here, and not put into the store. */
  follow(now) {
    for (const card of Object.values(this.#cards)) card.allow(now.subject !== null);
    const next = withStandIns(this.sample, this.#typical, now);
    if (isSame(next.a, this.#ends.a) && isSame(next.b, this.#ends.b)) return;
    this.#ends = next;
    for (const field of ["a", "b"]) this.#showEnd(field);
    this.#compute();
  }

  repaint() {
    for (const row of this.#rows) row.repaint();
  }

  close() {
    this.#running.abort();
    for (const part of [this.#player, this.#animation, ...this.#rows]) part.close();
  }

  #createCard(name, field) {
    return createCard(name, {
      useSubject: () => this.#state.set({ [field]: this.#state.get().subject }),
      useRandom: () => this.#state.set({ [field]: refer(this.sample, randomRow(this.sample, this.#ends[field === "a" ? "b" : "a"])) }),
    });
  }

  #layOut() {
    const { a, b } = this.#cards;
    const swap = element("button", { type: "button", class: "button", onclick: () => this.#state.set({ a: this.#ends.b, b: this.#ends.a }) }, "⇄ Swap");
    const pair = element("button", { type: "button", class: "button", onclick: () => this.#useRandomPair() }, "Random pair");
    fill(this.#stage, this.#rows.flatMap(({ nodes }) => nodes), this.#place);
    return [
      element("div", { class: "ends" }, a.node, element("div", { class: "between" }, swap, pair), b.node),
      element("div", { class: "card way" }, this.#stage,
        element("div", { class: "row controls" }, this.#play, element("label", { class: "field" }, this.#loop, "Loop"),
          element("label", { class: "field" }, "Steps", this.#steps), element("label", { class: "field" }, "Way", this.#method), this.#curl),
        this.#host, this.#verdict, tabulate(this.#numbers), element("h3", {}, "Take it with you"), this.#animation.node),
    ];
  }

  #useRandomPair() {
    const a = refer(this.sample, randomRow(this.sample, null));
    this.#state.set({ a, b: refer(this.sample, randomRow(this.sample, a)) });
  }

  async #showEnd(field) {
    const end = this.#ends[field];
    this.#cards[field].tell(nameOf(this.sample, end));
    try {
      const image = await imageOf(this.sample, end);
      if (this.#ends[field] === end) this.#cards[field].paint(image);
    } catch (error) {
      showProblem(this.#host, error);
    }
  }

  #query() {
    return { steps: this.#steps.value, method: this.#method.value };
  }

  #framesCall() {
    return calls.interpolate(this.#choice, this.#body, { ...this.#query(), space: "both", scale: 1 });
  }

  /** The walk as a file; space and format are chosen where it is offered. */
  #animationCall() {
    const isLoop = this.#loop.checked;
    return { choice: this.#choice, body: this.#body, query: { ...this.#query(), boomerang: isLoop, loop: isLoop } };
  }

  async #compute() {
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    showProblem(this.#host, null);
    this.#stage.setAttribute("aria-busy", "true");
    try {
      this.#body = await bodyOf(this.#api, this.#choice, this.sample, [this.#ends.a, this.#ends.b], { signal });
      const { frames } = await this.#api.json(this.#framesCall(), { signal });
      const pictures = await Promise.all(frames.map(({ image }) => decodeBase64(image)));
      if (!signal.aborted) this.#show(frames.map(({ space, ghosting }, index) => ({ space, ghosting, picture: pictures[index] })));
    } catch (error) {
      if (signal.aborted) return;
      showProblem(this.#host, error);
      this.#setReady(false);
    }
  }

  /** Show new frames, as far along the way as the ones before. */
  #show(frames) {
    const share = this.#count > 1 ? Number(this.#place.value) / (this.#count - 1) : 0.5;
    const highest = Math.max(...frames.map(({ ghosting }) => ghosting)) || 1;
    const [latent, image] = this.#rows.map(({ space }) => frames.filter((frame) => frame.space === space));
    this.#count = latent.length;
    this.#place.max = String(this.#count - 1);
    this.#rows.forEach((row, index) => row.show([latent, image][index], highest));
    fill(this.#verdict, judge(mean(latent), mean(image), this.sample.image.channels));
    fill(this.#numbers, latent.map(({ ghosting }, index) => element("tr", {}, element("th", { scope: "row" }, String(index + 1)),
      element("td", {}, figure(ghosting)), element("td", {}, figure(image[index].ghosting)))));
    this.#setReady(true);
    this.#player.seek(Math.round(share * (this.#count - 1)));
  }

  #setReady(isReady) {
    this.#stage.setAttribute("aria-busy", "false");
    for (const control of [this.#play, this.#place, this.#curl]) control.disabled = !isReady;
    this.#animation.setReady(isReady);
    this.#player.load(isReady ? this.#count : 0);
  }

  #seek(index) {
    if (this.#player.isPlaying()) this.#player.pause();
    this.#player.seek(index);
  }

  #showFrame(index) {
    const [latent, image] = this.#rows.map((row) => row.point(index));
    this.#place.value = String(index);
    this.#place.setAttribute("aria-valuetext", `${index + 1} of ${this.#count}; ghosting ${figure(latent)} on the latent path, ${figure(image)} in the pixel blend`);
  }

  /** Where motion is not wanted, the same button goes on by one frame at a press. */
  #togglePlaying() {
    if (isStill()) this.#player.advance();
    else if (this.#player.isPlaying()) this.#player.pause();
    else this.#player.play();
  }

  #tellPlaying() {
    this.#play.textContent = isStill() ? "Next frame" : this.#player.isPlaying() ? "❚❚ Pause" : "▶ Play";
  }
}

/** One end: its picture, its name, and ways to choose another. */
function createCard(name, { useSubject, useRandom }) {
  const canvas = element("canvas", { class: "pixelated", role: "img" });
  const title = element("p", { class: "name" });
  const subject = element("button", { type: "button", class: "button", "aria-label": `Use the image looked at for ${name}`, onclick: useSubject }, "Image looked at");
  const random = element("button", { type: "button", class: "button", "aria-label": `Random image for ${name}`, onclick: useRandom }, "Random");
  return {
    node: element("div", { class: "card end", role: "group", "aria-label": `Image ${name}` }, canvas,
      element("div", {}, element("h3", {}, name), title, element("div", { class: "row" }, subject, random))),
    allow: (isSubject) => (subject.disabled = !isSubject),
    tell(text) {
      title.textContent = text.charAt(0).toUpperCase() + text.slice(1);
      canvas.setAttribute("aria-label", `${name}: ${text}`);
    },
    paint: (image) => paint(canvas, image),
  };
}

/** One space: the frame that is looked at, its ghosting, and the film of all. */
function createRow(space, title, pick) {
  const canvas = element("canvas", { class: "pixelated", role: "img", "aria-label": title });
  const score = element("strong");
  const film = createFilm(title, pick);
  let frames = [];
  return {
    space,
    nodes: [
      element("figure", { class: "frame" }, canvas, element("figcaption", {}, element("span", {}, title), element("span", { class: "note" }, "ghosting ", score))),
      element("div", { class: "strip" }, film.node),
    ],
    show(next, highest) {
      frames = next;
      film.show(frames, highest);
    },
    /** Show a frame; the answer is its ghosting. */
    point(index) {
      const { picture, ghosting } = frames[index];
      [canvas.width, canvas.height] = [picture.width, picture.height];
      canvas.getContext("2d").drawImage(picture, 0, 0);
      canvas.setAttribute("aria-label", `${title}, frame ${index + 1} of ${frames.length}`);
      score.textContent = figure(ghosting);
      film.point(index);
      return ghosting;
    },
    repaint: film.repaint,
    close: film.close,
  };
}

/** What the numbers say, in words. */
function judge(latent, image, channels) {
  const strong = (value) => element("strong", {}, figure(value));
  const ghosts = image > 1.05 * latent ? `${figure(image / latent)} times as ghostly` : latent > 1.05 * image ? "crisper here" : "about as ghostly";
  return ["Ghosting is how much of the ink is neither there nor not there. On average the latent path has ", strong(latent),
    " and the pixel blend ", strong(image), latent > 0 ? `: the blend is ${ghosts}.` : ".",
    channels === 3 ? " It is made for drawings; of pictures without paper and ink it says little." : ""];
}

function tabulate(numbers) {
  return element("details", {}, element("summary", {}, "Ghosting as a table"),
    element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Ghosting of each frame" }, element("table", {},
      element("caption", {}, "How ghostly each frame is: 0 is crisp, 4 an even haze"),
      element("thead", {}, element("tr", {}, ["frame", "latent path", "pixel blend"].map((text) => element("th", { scope: "col" }, text)))), numbers)));
}

function createList(options, onchange) {
  return element("select", { class: "select", onchange }, options.map(([value, text]) => element("option", { value }, text)));
}

function stepsUpTo(most) {
  const allowed = STEPS.filter((number) => number <= most);
  return allowed.length > 0 ? allowed : [most];
}

const mean = (frames) => frames.reduce((sum, { ghosting }) => sum + ghosting, 0) / frames.length;

/** Whether both are one image; stand-ins are made anew each time, so rows count too. */
const isSame = (one, other) => one === other || (other !== null && one.row !== null && one.row === other.row);
