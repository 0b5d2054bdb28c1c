// The plane of the two main components of the latents, to be walked on.

import { fill } from "../dom.js";
import { open, waiting } from "../panel.js";

export function mount(root, { state }) {
  const body = open(root, "Walk through latent space", "Every place is a latent vector, and the model can draw an image for each.");
  state.on(["sample"], ({ sample }) => fill(body, waiting(sample === null ? undefined : "Comes with the next version.")));
}
