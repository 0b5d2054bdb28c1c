// The way from one image to another, in both spaces.

import { fill } from "../dom.js";
import { open, waiting } from "../panel.js";

export function mount(root, { state }) {
  const body = open(root, "From one image to another", "Above, the model’s way through latent space; below, a blend of pixels.");
  state.on(["sample"], ({ sample }) => fill(body, waiting(sample === null ? undefined : "Comes with the next version.")));
}
