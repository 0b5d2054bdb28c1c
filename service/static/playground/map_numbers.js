// The numbers of two maps and of the spaces they are maps of, and what follows from them in words.

import { element } from "./dom.js";
import { figure, percent } from "./format.js";

const NUMBERS = [
  ["kl_divergence", "KL divergence", figure],
  ["trustworthiness", "trustworthiness", figure],
  ["knn_accuracy", "10-NN accuracy", percent],
  ["silhouette", "silhouette", figure],
];

/** The numbers of a bundle's own maps: { maps: { image, latent }, spaces: { image, pca, latent } }. */
export function numbersOfModel({ all_metrics: { image_map, latent_map, separability } }) {
  const { pixels, pca, latents } = separability;
  return { maps: { image: image_map, latent: latent_map }, spaces: { image: pixels, pca, latent: latents } };
}

/** The same from an answer of /tsne. */
export function numbersOfAnswer({ maps, spaces }) {
  const byName = (list, read) => Object.fromEntries(list.map((one) => [one.space, read(one)]));
  return { maps: byName(maps, ({ separability, ...rest }) => ({ ...rest, ...separability })), spaces: byName(spaces, (one) => one) };
}

/** What stands under a map; without numbers, why there are none. */
export function showNumbers(numbers) {
  if (!numbers) return element("p", { class: "note" }, "Not measured: the computation was not finished.");
  const known = NUMBERS.filter(([key]) => numbers[key] !== null && numbers[key] !== undefined);
  return element("dl", { class: "numbers" }, known.map(([key, name, format]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, format(numbers[key])))));
}

/** Where latent space separates classes better, and where it does not: sentences, or none without labels. */
export function compare({ maps, spaces }) {
  const sentences = [];
  const judge = (where, latent, other, name) => {
    for (const [key, measure, format] of NUMBERS.slice(2)) {
      if (typeof latent?.[key] !== "number" || typeof other?.[key] !== "number") continue;
      const [own, theirs] = [format(latent[key]), format(other[key])];
      const verdict = own === theirs ? "no better and no worse than" : latent[key] > other[key] ? "better than" : "worse than";
      sentences.push({ isBetter: own !== theirs && latent[key] > other[key], text: `${where}, by ${measure}, latents are ${verdict} ${name}: ${own} against ${theirs}.` });
    }
  };
  judge("On these maps", maps.latent, maps.image, "pixels");
  judge("In the vectors themselves", spaces.latent, spaces.image, "pixels");
  judge("In the vectors themselves", spaces.latent, spaces.pca, "PCA of the same size");
  return sentences;
}

/** The sentences, those first in which latents win. */
export function showComparison(numbers) {
  const sentences = compare(numbers);
  if (sentences.length === 0) return element("p", { class: "note" }, "Without labels nothing can be said of classes.");
  const list = (isBetter) => sentences.filter((one) => one.isBetter === isBetter).map(({ text }) => element("li", {}, text));
  const part = (title, items) => items.length > 0 && element("div", {}, element("h4", {}, title), element("ul", {}, items));
  return element("div", { class: "verdict" }, part("Latent space separates better", list(true)), part("and here it does not", list(false)));
}
