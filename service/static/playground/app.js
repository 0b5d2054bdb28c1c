// The page, assembled: the store, the service, the panels. Nothing is decided here but which model is looked at.

import { followState, readChoice, readImages } from "./address.js";
import { createApi } from "./api.js";
import * as calls from "./calls.js";
import { element, fill } from "./dom.js";
import { count, plural } from "./format.js";
import { followParts } from "./parts.js";
import { mount as mountDraw } from "./panels/draw.js";
import { mount as mountInterpolate } from "./panels/interpolate.js";
import { mount as mountMaps } from "./panels/maps.js";
import { mount as mountModel } from "./panels/model.js";
import { mount as mountWalk } from "./panels/walk.js";
import { Problem, showProblem } from "./problem.js";
import { loadSample } from "./sample.js";
import { createStore, forgetImages } from "./state.js";
import { mountSwitches } from "./switches.js";
import { themeSwitch } from "./theme.js";

const PANELS = { draw: mountDraw, maps: mountMaps, interpolate: mountInterpolate, walk: mountWalk, model: mountModel };
const byId = (id) => document.getElementById(id);

const state = createStore();
const api = createApi((isConnected) => state.set({ isConnected }));
const context = { state, api, announce };
let loading = new AbortController();

/** Say something to those who do not see it change. */
function announce(text) {
  byId("live").textContent = text;
}

/** Look at another model: what is known of the last one goes at once, what is known of this one comes as a whole. */
async function look(choice, images = () => ({})) {
  loading.abort();
  loading = new AbortController();
  const options = { signal: loading.signal, patienceMs: Infinity };
  showProblem(byId("notice"), null);
  state.set({ choice, model: null, sample: null, ...forgetImages() });
  try {
    const [model, sample] = await Promise.all([api.json(calls.showModel(choice), options), loadSample(api, choice, options)]);
    if (options.signal.aborted) return;
    state.set({ model, sample, ...images(sample) });
    announce(`Model ${model.name}, version ${model.version}, is loaded.`);
  } catch (error) {
    if (!options.signal.aborted) showProblem(byId("notice"), error);
  }
}

/** The model that the address asks for, or the default one. */
async function begin() {
  try {
    const models = await api.json(calls.listModels(), { patienceMs: Infinity });
    if (models.models.length === 0) {
      throw Problem.named("no-model", "No model is served yet", "Train one; this page shows it after a reload.");
    }
    const asked = readChoice();
    const name = asked.name ?? models.default ?? models.models[0].name;
    state.set({ models, choice: { name, version: asked.version } });
    await look(state.get().choice, (sample) => readImages(sample));
  } catch (error) {
    showProblem(byId("notice"), error);
  }
}

/** What the page is about, in the numbers of this model. */
function introduce({ model }) {
  if (model === null) return;
  const { height, width, channels } = model.image;
  fill(byId("lead"),
    "This autoencoder squeezes every image of ", element("strong", `${count(height * width * channels)} values`), " into ",
    element("strong", plural(model.latent_dim, "number")), ", and rebuilds the image from them. Images that look alike come to lie close together in that ",
    element("strong", "latent space"), ": draw, look around, and walk through it.");
  document.title = `${model.name} · Hourglass playground`;
}

function tellConnection({ isConnected }) {
  document.documentElement.toggleAttribute("data-lost", !isConnected);
  byId("lost").hidden = isConnected;
}

byId("switches").append(themeSwitch());
mountSwitches(byId("switches"), state, (choice) => look(choice));
for (const [id, mount] of Object.entries(PANELS)) mount(byId(id), context);
followParts(byId("top"));
followState(state);
state.on(["model"], introduce);
state.on(["isConnected"], tellConnection);
begin();
