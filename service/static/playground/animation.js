// A walk as a file, to be downloaded or copied as a curl line.

import * as calls from "./calls.js";
import { curlButton } from "./curl.js";
import { button, element, save, select } from "./dom.js";
import { showProblem } from "./problem.js";

const FORMATS = [["gif", "GIF"], ["webp", "WebP"], ["apng", "APNG"]];
const SPACES = [["both", "Both, side by side"], ["latent", "Latent path"], ["image", "Pixel blend"]];

export function offerAnimation(api, announce, getWalk) {
  const space = select(SPACES, { "aria-label": "What the animation shows" });
  const format = select(FORMATS, { "aria-label": "Format of the animation" });
  const host = element("div.notice");
  let saving = new AbortController();

  const getCall = () => {
    const { choice, body, query } = getWalk();
    const call = calls.interpolate(choice, body, { ...query, space: space.value }, `image/${format.value}`);
    return { ...call, saveAs: `${choice.name}-walk.${format.value.replace("apng", "png")}` };
  };
  const download = async () => {
    saving.abort();
    saving = new AbortController();
    const { signal } = saving;
    showProblem(host, null);
    try {
      const call = getCall();
      save(await api.blob(call, { signal }), call.saveAs);
      announce(`Saved ${call.saveAs}.`);
    } catch (error) {
      showProblem(host, error);
    }
  };
  const buttons = [button("Download", download), curlButton("the animation", getCall, announce)];
  return {
    node: element("div", element("div.row", space, format, buttons), host),
    setReady: (isReady) => buttons.forEach((one) => (one.disabled = !isReady)),
    close: () => saving.abort(),
  };
}
