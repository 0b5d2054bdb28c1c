// A walk as a file: which rows, in which format, to be downloaded or copied as a curl line.

import * as calls from "./calls.js";
import { curlButton } from "./curl.js";
import { element } from "./dom.js";
import { showProblem } from "./problem.js";

const FORMATS = { gif: ["GIF", "image/gif"], webp: ["WebP", "image/webp"], png: ["APNG", "image/apng"] };
const SPACES = { both: "Both, side by side", latent: "Latent path", image: "Pixel blend" };

/** Controls for the walk that `getWalk()` gives: { choice, body, query }, null while there is none. */
export function offerAnimation(api, announce, getWalk) {
  const list = (label, options) => element("select", { class: "select", "aria-label": label },
    Object.entries(options).map(([value, text]) => element("option", { value }, text)));
  const space = list("What the animation shows", SPACES);
  const format = list("Format of the animation", Object.fromEntries(Object.entries(FORMATS).map(([ending, [name]]) => [ending, name])));
  const host = element("div", { class: "notice" });
  let saving = new AbortController();

  const getCall = () => {
    const { choice, body, query } = getWalk();
    const call = calls.interpolate(choice, body, { ...query, space: space.value }, FORMATS[format.value][1]);
    return { ...call, saveAs: `${choice.name}-walk.${format.value}` };
  };
  const save = async () => {
    saving.abort();
    saving = new AbortController();
    const { signal } = saving;
    showProblem(host, null);
    try {
      const call = getCall();
      saveFile(await api.blob(call, { signal }), call.saveAs);
      announce(`Saved ${call.saveAs}.`);
    } catch (error) {
      if (!signal.aborted) showProblem(host, error);
    }
  };
  const button = element("button", { type: "button", class: "button", onclick: save }, "Download");
  const curl = curlButton("the animation", getCall, announce);
  const setReady = (isReady) => [button, curl].forEach((each) => (each.disabled = !isReady));
  setReady(false);
  return { node: element("div", { class: "saving" }, element("div", { class: "row" }, space, format, button, curl), host), setReady, close: () => saving.abort() };
}

function saveFile(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
