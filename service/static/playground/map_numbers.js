// The numbers of both maps and their spaces, and what follows from them in words.

import { element } from "./dom.js";
import { figure, percent } from "./format.js";

const NUMBERS = [
  ["kl_divergence", "KL divergence", figure],
  ["trustworthiness", "Trustworthiness", figure],
  ["knn_accuracy", "10-NN accuracy", percent],
  ["silhouette", "Silhouette", figure],
];

/** The numbers of a bundle's own maps: { maps: { image, latent }, spaces: { image, pca, latent } }. */
export function numbersOfModel({ all_metrics: { image_map, latent_map, separability } }) {
  const { pixels, pca, latents } = separability;
  return { maps: { image: image_map, latent: latent_map }, spaces: { image: pixels, pca, latent: latents } };
}

export function numbersOfAnswer({ maps, spaces }) {
  const bySpace = (list) => Object.fromEntries(list.map((one) => [one.space, { ...one, ...one.separability }]));
  return { maps: bySpace(maps), spaces: bySpace(spaces) };
}

/** What stands under a map; dashes while it is not measured. */
export function showNumbers(numbers) {
  const known = NUMBERS.filter(([key]) => !numbers || typeof numbers[key] === "number");
  return element("dl.numbers", known.map(([key, name, format]) => element("div", element("dt", name), element("dd", format(numbers?.[key])))));
}

/** Where latent space separates classes better, and where it does not. */
export function showComparison({ maps, spaces }) {
  const [better, others] = [[], []];
  const judge = (where, latent, other, name) => {
    for (const [key, measure, format] of NUMBERS.slice(2)) {
      if (typeof latent?.[key] !== "number" || typeof other?.[key] !== "number") continue;
      const [own, theirs] = [format(latent[key]), format(other[key])];
      const isBetter = own !== theirs && latent[key] > other[key];
      (isBetter ? better : others).push(element("li", `${measure} ${where}: ${own} against ${theirs} ${name}`));
    }
  };
  judge("on the maps", maps.latent, maps.image, "of pixels");
  judge("in the vectors themselves", spaces.latent, spaces.image, "of pixels");
  judge("in the vectors themselves", spaces.latent, spaces.pca, "of PCA with as many numbers");
  const list = (title, items) => (items.length > 0 ? [element("h3", title), element("ul.note", items)] : []);
  if (better.length + others.length > 0) return [...list("Latent space separates classes better", better), ...list("It does not separate them better", others)];
  return [element("h3", "Are classes apart?"), element("p.note", "That can be said only with labels, of two classes or more.")];
}
