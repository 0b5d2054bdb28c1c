// The maps of both spaces, linked.

import { fill } from "../dom.js";
import { open, waiting } from "../panel.js";

export function mount(root, { state }) {
  const body = open(root, "Two maps of the same images", "Each point is a test image. On the left those are close whose pixels are alike; on the right, those whose latent vectors are.");
  state.on(["sample"], ({ sample }) => fill(body, waiting(sample === null ? undefined : "Comes with the next version.")));
}
