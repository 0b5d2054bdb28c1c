// The switches of model and version.

import { element, fill } from "./dom.js";

/** Two lists in `root`; `choose({ name, version })` is called for what is picked. The version is hidden where there is one. */
export function mountSwitches(root, state, choose) {
  const model = element("select.select", { id: "model-switch", "aria-label": "Model" });
  const version = element("select.select", { id: "version-switch", "aria-label": "Version" });
  model.addEventListener("change", () => choose({ name: model.value, version: null }));
  version.addEventListener("change", () => choose({ name: model.value, version: Number(version.value) || null }));
  root.prepend(model, version);
  state.on(["models", "choice"], ({ models, choice }) => {
    model.hidden = version.hidden = models === null;
    if (models === null || choice === null) return;
    fill(model, models.models.map(({ name }) => element("option", { value: name }, name)));
    model.value = choice.name;
    const { versions } = models.models.find(({ name }) => name === choice.name) ?? { versions: [] };
    fill(version, versionOptions(versions));
    version.value = choice.version === null || choice.version === versions.at(-1) ? "" : String(choice.version);
    version.hidden = versions.length < 2;
  });
}

function versionOptions(versions) {
  return [...versions].reverse().map((number, place) =>
    element("option", { value: place === 0 ? "" : number }, `v${number}`));
}
