// The page, assembled. Nothing is decided here but which model is looked at.

import { followState, readChoice, readImages } from "./address.js";
import { createApi } from "./api.js";
import * as calls from "./calls.js";
import { element, fill } from "./dom.js";
import { count, plural } from "./format.js";
import { followParts } from "./parts.js";
import * as draw from "./panels/draw.js";
import * as interpolate from "./panels/interpolate.js";
import * as maps from "./panels/maps.js";
import * as model from "./panels/model.js";
import * as walk from "./panels/walk.js";
import { Problem, showProblem } from "./problem.js";
import { loadSample } from "./sample.js";
import { NO_IMAGES, createStore } from "./state.js";
import { mountSwitches } from "./switches.js";
import { themeSwitch } from "./theme.js";

const PANELS = { draw, maps, interpolate, walk, model };
const byId = (id) => document.getElementById(id);

const state = createStore();
const api = createApi((isConnected) => state.set({ isConnected }));
let loading = new AbortController();

function announce(text) {
  byId("live").textContent = text;
}

/** What is known of the last model goes at once, that of this one comes as a whole. */
async function look(choice, images = () => ({})) {
  loading.abort();
  loading = new AbortController();
  const options = { signal: loading.signal, patienceMs: Infinity };
  showProblem(byId("notice"), null);
  state.set({ choice, model: null, sample: null, ...NO_IMAGES });
  try {
    const [known, sample] = await Promise.all([api.json(calls.showModel(choice), options), loadSample(api, choice, options)]);
    if (options.signal.aborted) return;
    state.set({ model: known, sample, ...images(sample) });
    announce(`Model ${known.name}, version ${known.version}, is loaded.`);
  } catch (error) {
    showProblem(byId("notice"), error);
  }
}

async function begin() {
  try {
    const models = await api.json(calls.listModels(), { patienceMs: Infinity });
    if (models.models.length === 0) {
      throw new Problem({ title: "No model is served yet", detail: "Train one; this page shows it after a reload." });
    }
    const asked = readChoice();
    const name = asked.name ?? models.default ?? models.models[0].name;
    state.set({ models, choice: { name, version: asked.version } });
    await look(state.get().choice, readImages);
  } catch (error) {
    showProblem(byId("notice"), error);
  }
}

function introduce({ model: known }) {
  if (known === null) return;
  const { height, width, channels } = known.image;
  fill(byId("lead"),
    "This autoencoder squeezes every image of ", element("strong", `${count(height * width * channels)} values`), " into ",
    element("strong", plural(known.latent_dim, "number")), ", and rebuilds the image from them. Images that look alike come to lie close together in that ",
    element("strong", "latent space"), ": draw, look around, and walk through it.");
  document.title = `${known.name} · Hourglass playground`;
}

byId("switches").append(themeSwitch());
mountSwitches(byId("switches"), state, look);
for (const [id, panel] of Object.entries(PANELS)) panel.mount(byId(id).querySelector(".body"), { state, api, announce });
followParts(byId("top"));
followState(state);
state.on(["model"], introduce);
state.on(["isConnected"], ({ isConnected }) => (byId("lost").hidden = isConnected));
begin();
