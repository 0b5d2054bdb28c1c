// What every panel begins with.

import { element, fill } from "./dom.js";
import { onTheme } from "./theme.js";

export const waiting = () => element("p.waiting", "Loading the model…");

/**
 * Fill a panel for each sample with what `create(now)` gives: { nodes, follow(now), close(), repaint() }, the last where it has canvases.
 *
 * `follow` hears of changes of these fields. The answer is a function that gives what is shown now, or null.
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
