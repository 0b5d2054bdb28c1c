// The way from one image to another, through latent space beside a blend of pixels.

import { offerAnimation } from "../animation.js";
import * as calls from "../calls.js";
import { curlButton } from "../curl.js";
import { button, details, element, fill, select, table } from "../dom.js";
import { bodyOf, imageOf, randomRow, typicalRows, withStandIns } from "../ends.js";
import { createFilm } from "../film.js";
import { figure } from "../format.js";
import { followSample } from "../panel.js";
import { decodeBase64, paint } from "../pixels.js";
import { createPlayer, isStill } from "../player.js";
import { showProblem } from "../problem.js";
import { capital, isSame, nameOf, refer } from "../sample.js";

const STEPS = [8, 16, 24, 48, 96];
const USUAL_STEPS = 24;
const METHODS = [["linear", "Straight line"], ["slerp", "Arc (spherical)"]];

export function mount(body, context) {
  followSample(body, context.state, ["a", "b", "subject"], (now) => createWay(now, context));
}

function createWay({ sample, model, choice }, { state, api, announce }) {
  const typical = typicalRows(sample);
  const most = model.limits.max_steps;
  const allowed = most < STEPS[0] ? [most] : STEPS.filter((number) => number <= most);
  let ends = { a: null, b: null };
  let body = null; // of the calls, once the ends are known as images or latents
  let running = new AbortController();
  let count = 0; // of frames

  const player = createPlayer(showFrame, tellPlaying);
  const rows = [createFilm("Latent path", player.seek), createFilm("Pixel blend", player.seek)];
  const cards = { a: createEnd("a", "b"), b: createEnd("b", "a") };
  const host = element("div.notice");
  const place = element("input.place", { type: "range", min: 0, max: 0, "aria-label": "Step of the walk", oninput: () => player.seek(Number(place.value)) });
  const play = button("", player.toggle, {}, ".primary.play");
  const loop = element("input", { type: "checkbox", checked: true, onchange: () => player.loop(loop.checked) });
  const steps = select(allowed.map((number) => [number, number]), { onchange: compute });
  const method = select(METHODS, { onchange: compute });
  const verdict = element("p.verdict");
  const numbers = details("Ghosting as a table");
  const curl = curlButton("the frames", framesCall, announce);
  const animation = offerAnimation(api, announce, () => ({ choice, body, query: { ...query(), boomerang: loop.checked, loop: loop.checked } }));
  const stage = element("div.stage", rows.flatMap(({ nodes }) => nodes), place);
  steps.value = Math.min(USUAL_STEPS, allowed.at(-1));
  tellPlaying();
  setReady(false);

  function createEnd(field, otherField) {
    const letter = field.toUpperCase();
    const canvas = element("canvas.pixelated", { role: "img" });
    const title = element("p.name");
    const useSubject = button("Image looked at", () => state.set({ [field]: state.get().subject }), { "aria-label": `Use the image looked at for ${letter}` });
    const useRandom = button("Random", () => state.set({ [field]: random(ends[otherField]) }), { "aria-label": `Random image for ${letter}` });
    return {
      node: element("div.card.end", { role: "group", "aria-label": `Image ${letter}` }, canvas,
        element("div", element("h3", letter), title, element("div.row", useSubject, useRandom))),
      allow: (isSubject) => (useSubject.disabled = !isSubject),
      async show(end) {
        const name = nameOf(sample, end);
        title.textContent = capital(name);
        canvas.ariaLabel = `${letter}: ${name}`;
        try {
          const image = await imageOf(sample, end);
          if (ends[field] === end) paint(canvas, image);
        } catch (error) {
          showProblem(host, error);
        }
      },
    };
  }

  const random = (other) => refer(sample, randomRow(sample, other));

  function useRandomPair() {
    const a = random(null);
    state.set({ a, b: random(a) });
  }

  function query() {
    return { steps: steps.value, method: method.value };
  }

  function framesCall() {
    return calls.interpolate(choice, body, { ...query(), space: "both", scale: 1 });
  }

  async function compute() {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    showProblem(host, null);
    stage.ariaBusy = "true";
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

  /** Show new frames, as far along the way as the ones before. */
  function show(frames) {
    const share = count > 1 ? Number(place.value) / (count - 1) : 0.5;
    const highest = Math.max(...frames.map(({ ghosting }) => ghosting)) || 1;
    const [latent, image] = ["latent", "image"].map((name) => frames.filter(({ space }) => space === name));
    rows[0].show(latent, highest);
    rows[1].show(image, highest);
    count = latent.length;
    place.max = count - 1;
    fill(verdict, judge(mean(latent), mean(image), sample.image.channels));
    fill(numbers, numbers.firstChild, table("How ghostly each frame is: 0 is crisp, 4 an even haze", ["frame", "latent path", "pixel blend"],
      latent.map(({ ghosting }, index) => [index + 1, figure(ghosting), figure(image[index].ghosting)])));
    setReady(true, Math.round(share * (count - 1)));
  }

  function setReady(isReady, index = 0) {
    stage.ariaBusy = "false";
    for (const control of [play, place, curl]) control.disabled = !isReady;
    animation.setReady(isReady);
    player.load(isReady ? count : 0, index);
  }

  function showFrame(index) {
    const [latent, image] = rows.map((row) => row.point(index));
    place.value = index;
    place.ariaValueText = `${index + 1} of ${count}; ghosting ${figure(latent)} on the latent path, ${figure(image)} in the pixel blend`;
  }

  function tellPlaying() {
    play.textContent = isStill() ? "Next frame" : player.isPlaying() ? "❚❚ Pause" : "▶ Play";
  }

  return {
    nodes: [
      element("div.ends", cards.a.node,
        element("div.between", button("⇄ Swap", () => state.set({ a: ends.b, b: ends.a })), button("Random pair", useRandomPair)), cards.b.node),
      element("div.card.way", stage,
        element("div.row.controls", play, element("label.field", loop, "Loop"), element("label.field", "Steps", steps), element("label.field", "Way", method), curl),
        host, verdict, numbers, element("h3", "Take it with you"), animation.node),
    ],
    /** What nobody chose is chosen here, and not put into the store. */
    follow(now) {
      for (const card of Object.values(cards)) card.allow(now.subject !== null);
      const next = withStandIns(sample, typical, now);
      if (isSame(next.a, ends.a) && isSame(next.b, ends.b)) return;
      ends = next;
      for (const [field, card] of Object.entries(cards)) card.show(ends[field]);
      compute();
    },
    repaint: () => rows.forEach((row) => row.repaint()),
    close() {
      running.abort();
      for (const part of [player, animation, ...rows]) part.close();
    },
  };
}

function judge(latent, image, channels) {
  const strong = (value) => element("strong", figure(value));
  const ghosts = image > 1.05 * latent ? `${figure(image / latent)} times as ghostly` : latent > 1.05 * image ? "crisper here" : "about as ghostly";
  return ["Ghosting is how much of the ink is neither there nor not there. On average the latent path has ", strong(latent),
    " and the pixel blend ", strong(image), latent > 0 ? `: the blend is ${ghosts}.` : ".",
    channels === 3 && " It is made for drawings; of pictures without paper and ink it says little."];
}

const mean = (frames) => frames.reduce((sum, { ghosting }) => sum + ghosting, 0) / frames.length;
