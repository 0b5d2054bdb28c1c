// What every panel begins with.

import { element, fill } from "./dom.js";
import { onTheme } from "./theme.js";

/** Put a heading and a sentence into a panel, and give the element that the rest goes into. */
export function open(root, title, text) {
  const body = element("div.body");
  root.append(element("header", element("h2", { id: `${root.id}-title` }, title), element("p", text)), body);
  return body;
}

/** What stands where a model's images will be. */
export const waiting = () => element("p.waiting", "Loading the model…");

/**
 * Fill a panel anew for each sample with what `create(now)` gives: { nodes, follow(now), close() }, and repaint() where it has canvases.
 *
 * `follow` hears of changes of these fields of the store. The answer is a function that gives what is shown now, or null.
 */
export function followSample(body, state, fields, create) {
  let [held, shown] = [undefined, null];
  state.on(["sample", ...fields], (now) => {
    if (now.sample !== held) {
      shown?.close();
      held = now.sample;
      shown = held && create(now);
      fill(body, shown ? shown.nodes : waiting());
    }
    shown?.follow(now);
  });
  onTheme(() => shown?.repaint?.());
  return () => shown;
}
