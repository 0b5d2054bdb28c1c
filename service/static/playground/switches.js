// The switches of model and version; the latter is hidden where there is one only.

import { element, fill, select } from "./dom.js";

export function mountSwitches(root, state, choose) {
  const model = select([], { id: "model-switch", "aria-label": "Model", onchange: () => choose({ name: model.value, version: null }) });
  const version = select([], { id: "version-switch", "aria-label": "Version", onchange: () => choose({ name: model.value, version: Number(version.value) || null }) });
  root.prepend(model, version);
  state.on(["models", "choice"], ({ models, choice }) => {
    model.hidden = version.hidden = models === null;
    if (models === null || choice === null) return;
    const versions = models.models.find(({ name }) => name === choice.name)?.versions.toReversed() ?? [];
    fill(model, models.models.map(({ name }) => element("option", { value: name }, name)));
    fill(version, versions.map((number, place) => element("option", { value: place === 0 ? "" : number }, `v${number}`)));
    model.value = choice.name;
    version.value = choice.version === null || choice.version === versions[0] ? "" : choice.version;
    version.hidden = versions.length < 2;
  });
}
