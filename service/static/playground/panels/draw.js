// The image being looked at: drawn, picked or uploaded, with what the model makes of it.

import { fill } from "../dom.js";
import { open, waiting } from "../panel.js";

export function mount(root, { state }) {
  const body = open(root, "Draw, pick or upload", "What the model sees, what it makes of it, and how unusual that is.");
  state.on(["sample"], ({ sample }) => fill(body, waiting(sample === null ? undefined : "Comes with the next version.")));
}
