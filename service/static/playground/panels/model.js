// The model: what it is, how good it is beside PCA, how it was trained.

import * as calls from "../calls.js";
import { drawCurve } from "../curve.js";
import { curlButton } from "../curl.js";
import { details, element, fill, table } from "../dom.js";
import { count, figure, percent, plural } from "../format.js";
import { waiting } from "../panel.js";

const MEASURES = [
  ["knn_accuracy", "10-NN accuracy", percent],
  ["linear_probe_accuracy", "linear probe accuracy", percent],
  ["silhouette", "silhouette", figure],
  ["trustworthiness", "trustworthiness, of pixels", figure],
];

export function mount(body, { state, announce }) {
  state.on(["model"], ({ model, choice }) => fill(body, model === null ? waiting() : show(model, choice, announce)));
}

function show(model, choice, announce) {
  return [
    tiles(model),
    element("div.grid", errors(model), separability(model), training(model), data(model)),
    element("div.row",
      element("a.button", { href: calls.addressOf(calls.showReport(choice)), target: "_blank", rel: "noopener" }, "Open the whole report"),
      curlButton("the model’s card", () => calls.showModel(choice), announce)),
  ];
}

function tiles({ image, latent_dim, all_metrics: { reconstruction, separability: { latents, pixels } } }) {
  const values = image.height * image.width * image.channels;
  const { model, pca } = reconstruction.test;
  const kind = image.channels === 1 ? "grey" : "colour";
  const tile = (value, text, classes = "") => element(`div${classes}`, element("dt", text), element("dd", value));
  return element("dl.tiles",
    tile(`${image.height} × ${image.width}`, `pixels, ${kind}: ${plural(values, "value")}`),
    tile(count(latent_dim), latent_dim === 1 ? "number in the middle" : "numbers in the middle"),
    tile(`${figure(values / latent_dim)} ×`, "fewer numbers than values"),
    tile(figure(model.squared_error), `squared error of a test image; PCA with as many components: ${figure(pca.squared_error)}`, ".own"),
    latents.knn_accuracy !== null && tile(percent(latents.knn_accuracy),
      `of test images are of the class of most of their 10 neighbours in latent space; in pixels: ${percent(pixels.knn_accuracy)}`, ".own"));
}

function errors({ all_metrics: { reconstruction } }) {
  const rows = Object.entries(reconstruction).map(([split, { images, model, pca }]) =>
    [`${split}, ${plural(images, "image")}`, ...marked([model.squared_error, pca.squared_error], figure, Math.min)]);
  return card("Error beside PCA", table("Squared error of an image, averaged; lower is better", ["", "model", "PCA"], rows));
}

/** Pixels are trusted by definition, so their trustworthiness says nothing. */
function separability({ all_metrics: { separability: { pixels, pca, latents } } }) {
  const spaces = [{ ...pixels, trustworthiness: null }, pca, latents];
  const rows = MEASURES.filter(([key]) => latents[key] !== null).map(([key, name, format]) =>
    [name, ...marked(spaces.map((space) => space[key]), format, Math.max)]);
  const caption = rows.length > 1 ? "How well each space keeps classes apart; higher is better" : "Higher is better";
  return card("Are classes apart?", table(caption, ["", "pixels", "PCA", "latents"], rows));
}

function marked(numbers, format, best) {
  const winner = best(...numbers.filter((value) => value !== null));
  return numbers.map((value) => element(value === winner ? "td.best" : "td", format(value)));
}

function training({ history }) {
  if (history.length === 0) return card("Training", element("p.note", "Computed in closed form, without epochs."));
  const points = history.map(({ epoch, validation_error }) => [epoch, validation_error]);
  const best = points.reduce((lowest, point) => (point[1] < lowest[1] ? point : lowest));
  const text = `Squared error on validation images, lowest after epoch ${best[0]}: ${figure(best[1])}`;
  const rows = points.map(([epoch, error]) => [epoch, figure(error)]);
  return card("Training", element("figure.curve", drawCurve(points, best, text), element("figcaption.note", `${text}.`)),
    details("As a table", table("Squared error on validation images", ["epoch", "error"], rows)));
}

function data({ data: dataset, created, name, version, software }) {
  const { classes } = dataset;
  const facts = {
    "data set": dataset.name,
    images: `${count(dataset.train_images)} to train, ${count(dataset.validation_images)} to validate, ${count(dataset.test_images)} to test`,
    classes: classes.length ? `${count(classes.length)}: ${classes.slice(0, 12).join(", ")}${classes.length > 12 ? ", …" : ""}` : "no labels",
    trained: new Intl.DateTimeFormat("en-GB", { dateStyle: "long" }).format(new Date(created)),
    with: `Hourglass ${software.hourglass}, PyTorch ${software.torch}`,
  };
  return card(`${name}, version ${version}`, element("dl.facts", Object.entries(facts).map(([term, text]) =>
    element("div", element("dt", term), element("dd", text)))));
}

function card(title, ...content) {
  return element("div.card", element("h3", title), content);
}
