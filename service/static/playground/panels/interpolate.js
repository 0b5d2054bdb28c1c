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
      way = now.sample && createWay(now, context);
      fill(body, way ? way.nodes : waiting());
    }
    way?.follow(now);
  });
  onTheme(() => way?.repaint());
}

/** All of the panel for one model. */
function createWay({ sample, model, choice }, { state, api, announce }) {
  const typical = typicalRows(sample);
  const host = element("div", { class: "notice" });
  const cards = { a: createEnd("A", "a"), b: createEnd("B", "b") };
  const rows = Object.fromEntries(Object.entries(ROWS).map(([space, title]) => [space, createRow(title, (index) => seek(index))]));
  const place = element("input", { type: "range", class: "place", min: "0", max: "0", "aria-label": "Step of the walk", oninput: () => seek(Number(place.value)) });
  const verdict = element("p", { class: "verdict" });
  const numbers = element("tbody");
  const stage = element("div", { class: "stage", "aria-busy": "true" });
  const player = createPlayer(showFrame, tellPlaying);
  const play = element("button", { type: "button", class: "button primary play", onclick: togglePlaying });
  const loop = element("input", { type: "checkbox", checked: true, onchange: () => player.loop(loop.checked) });
  const steps = list(stepsUpTo(model.limits.max_steps).map((number) => [number, String(number)]), compute);
  const method = list(Object.entries(METHODS), compute);
  const animation = offerAnimation(api, announce, () => ({ choice, body, query: { ...query(), boomerang: loop.checked, loop: loop.checked } }));
  const curl = curlButton("the frames", framesCall, announce);
  let [ends, body, running, count] = [{ a: null, b: null }, null, new AbortController(), 0];
  steps.value = String(Math.min(USUAL_STEPS, stepsUpTo(model.limits.max_steps).at(-1)));

  fill(stage, Object.entries(rows).flatMap(([space, row]) => row.nodes(space)), place);
  tellPlaying();

  function createEnd(name, field) {
    const canvas = element("canvas", { class: "pixelated", role: "img" });
    const title = element("p", { class: "name" });
    const own = element("button", { type: "button", class: "button", onclick: () => state.set({ [field]: state.get().subject }) }, "Image looked at");
    const chance = element("button", { type: "button", class: "button", "aria-label": `Random image for ${name}`, onclick: () => chooseRandom(field) }, "Random");
    own.setAttribute("aria-label", `Use the image looked at for ${name}`);
    const node = element("div", { class: `card end end-${field}`, role: "group", "aria-label": `Image ${name}` },
      canvas, element("div", {}, element("h3", {}, name), title, element("div", { class: "row" }, own, chance)));
    return {
      node,
      setSubject: (subject) => (own.disabled = subject === null),
      async show(end) {
        title.textContent = upper(nameOf(sample, end));
        canvas.setAttribute("aria-label", `${name}: ${nameOf(sample, end)}`);
        const image = await imageOf(sample, end);
        if (ends[field] === end) paint(canvas, image);
      },
    };
  }

  function chooseRandom(field) {
    const other = ends[field === "a" ? "b" : "a"];
    state.set({ [field]: refer(sample, randomRow(sample, other)) });
  }

  const swap = element("button", { type: "button", class: "button", onclick: () => state.set({ a: ends.b, b: ends.a }) }, "⇄ Swap");
  const both = element("button", { type: "button", class: "button", onclick: chooseBoth }, "Random pair");

  function chooseBoth() {
    const a = refer(sample, randomRow(sample, null));
    state.set({ a, b: refer(sample, randomRow(sample, a)) });
  }

  const query = () => ({ steps: steps.value, method: method.value });

  function framesCall() {
    return calls.interpolate(choice, body, { ...query(), space: "both", scale: 1 });
  }

  async function compute() {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    showProblem(host, null);
    stage.setAttribute("aria-busy", "true");
    try {
      body = await bodyOf(api, choice, sample, [ends.a, ends.b], { signal });
      const { frames } = await api.json(framesCall(), { signal });
      const pictures = await Promise.all(frames.map(({ image }) => decodeBase64(image)));
      if (!signal.aborted) show(frames.map(({ space, ghosting }, index) => ({ space, ghosting, picture: pictures[index] })));
    } catch (error) {
      if (signal.aborted) return;
      showProblem(host, error);
      setReady(false);
    }
  }

  function show(frames) {
    const of = (space) => frames.filter((frame) => frame.space === space);
    const highest = Math.max(...frames.map(({ ghosting }) => ghosting)) || 1;
    const share = count > 1 ? Number(place.value) / (count - 1) : 0.5;
    count = of("latent").length;
    for (const [space, row] of Object.entries(rows)) row.show(of(space), highest);
    place.max = String(count - 1);
    fill(verdict, ...judge(mean(of("latent")), mean(of("image")), sample.image.channels));
    fill(numbers, of("latent").map(({ ghosting }, index) => element("tr", {}, element("th", { scope: "row" }, String(index + 1)),
      element("td", {}, figure(ghosting)), element("td", {}, figure(of("image")[index].ghosting)))));
    player.load(count);
    setReady(true);
    player.seek(Math.round(share * (count - 1)));
  }

  function setReady(isReady) {
    stage.setAttribute("aria-busy", "false");
    for (const control of [play, place, curl]) control.disabled = !isReady;
    animation.setReady(isReady);
    if (!isReady) player.load(0);
  }

  function seek(index) {
    if (player.isPlaying()) player.pause();
    player.seek(index);
  }

  function showFrame(index) {
    place.value = String(index);
    const scores = Object.values(rows).map((row) => row.point(index));
    place.setAttribute("aria-valuetext", `${index + 1} of ${count}; ghosting ${figure(scores[0])} on the latent path, ${figure(scores[1])} in the pixel blend`);
  }

  /** Where motion is not wanted, the same button goes on by one frame at a press. */
  function togglePlaying() {
    if (isStill()) player.advance();
    else if (player.isPlaying()) player.pause();
    else player.play();
  }

  function tellPlaying() {
    play.textContent = isStill() ? "Next frame" : player.isPlaying() ? "❚❚ Pause" : "▶ Play";
  }

  const controls = element("div", { class: "row controls" }, play, element("label", { class: "field" }, loop, "Loop"),
    element("label", { class: "field" }, "Steps", steps), element("label", { class: "field" }, "Way", method), curl);
  const table = element("details", {}, element("summary", {}, "Ghosting as a table"),
    element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Ghosting of each frame" }, element("table", {},
      element("caption", {}, "How ghostly each frame is: 0 is crisp, 4 an even haze"),
      element("thead", {}, element("tr", {}, ["frame", "latent path", "pixel blend"].map((text) => element("th", { scope: "col" }, text)))), numbers)));
  return {
    sample,
    nodes: [
      element("div", { class: "ends" }, cards.a.node, element("div", { class: "between" }, swap, both), cards.b.node),
      element("div", { class: "card way" }, host, stage, controls, verdict, table, element("h3", {}, "Take it with you"), animation.node),
    ],
    follow(now) {
      for (const card of Object.values(cards)) card.setSubject(now.subject);
      const next = withStandIns(sample, typical, now);
      if (isSame(next.a, ends.a) && isSame(next.b, ends.b)) return;
      ends = next;
      for (const [field, card] of Object.entries(cards)) card.show(ends[field]).catch((error) => showProblem(host, error));
      compute();
    },
    repaint: () => Object.values(rows).forEach((row) => row.paint()),
    close() {
      running.abort();
      for (const part of [player, animation, ...Object.values(rows)]) part.close();
    },
  };
}

/** One space: the frame that is looked at, its ghosting, and the film of all. */
function createRow(title, pick) {
  const canvas = element("canvas", { class: "pixelated", role: "img" });
  const score = element("strong");
  const film = createFilm(title, pick);
  let frames = [];
  return {
    nodes: (space) => [
      element("figure", { class: `frame ${space}` }, canvas, element("figcaption", {}, element("span", {}, title), element("span", { class: "note" }, "ghosting ", score))),
      element("div", { class: `strip ${space}` }, film.node),
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
    paint: film.paint,
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

function list(options, onchange) {
  return element("select", { class: "select", onchange }, options.map(([value, text]) => element("option", { value }, text)));
}

function stepsUpTo(most) {
  const allowed = STEPS.filter((number) => number <= most);
  return allowed.length > 0 ? allowed : [most];
}

const mean = (frames) => frames.reduce((sum, { ghosting }) => sum + ghosting, 0) / frames.length;

/** Stand-ins are made anew each time, so rows are compared too. */
const isSame = (one, other) => one === other || (other !== null && one.row !== null && one.row === other.row);

const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);
