// The model: what it is, how good it is beside PCA, how it was trained.

import * as calls from "../calls.js";
import { drawCurve } from "../curve.js";
import { curlButton } from "../curl.js";
import { element, fill } from "../dom.js";
import { count, figure, percent, plural } from "../format.js";
import { open, waiting } from "../panel.js";

const SPACES = [["pixels", "pixels"], ["pca", "PCA"], ["latents", "latents"]];
const MEASURES = [
  ["knn_accuracy", "10-NN accuracy", percent],
  ["linear_probe_accuracy", "linear probe accuracy", percent],
  ["silhouette", "silhouette", figure],
  ["trustworthiness", "trustworthiness, of pixels", figure],
];

export function mount(root, { state, announce }) {
  const body = open(root, "The model", "Its sizes, and what was measured on images that training never saw.");
  state.on(["model"], ({ model, choice }) => {
    if (model === null) fill(body, waiting());
    else fill(body, ...show(model, choice, announce));
  });
}

function show(model, choice, announce) {
  return [
    tiles(model),
    element("div.grid", errors(model), separability(model), training(model), data(model)),
    element("div.row.after",
      element("a.button", { href: calls.addressOf(calls.showReport(choice)).href, target: "_blank", rel: "noopener" }, "Open the whole report"),
      curlButton("the model’s card", () => calls.showModel(choice), announce)),
  ];
}

function tiles({ image, latent_dim, all_metrics: { reconstruction, separability } }) {
  const values = image.height * image.width * image.channels;
  const { model, pca } = reconstruction.test;
  const kind = image.channels === 1 ? "grey" : "colour";
  const entries = [
    [`${image.height} × ${image.width}`, `pixels, ${kind}: ${plural(values, "value")}`],
    [count(latent_dim), latent_dim === 1 ? "number in the middle" : "numbers in the middle"],
    [`${figure(values / latent_dim)} ×`, "fewer numbers than values"],
    [figure(model.squared_error), `squared error of a test image; PCA with as many components: ${figure(pca.squared_error)}`, true],
  ];
  if (separability.latents.knn_accuracy !== null) {
    const text = `of test images are of the class of most of their 10 neighbours in latent space; in pixels: ${percent(separability.pixels.knn_accuracy)}`;
    entries.push([percent(separability.latents.knn_accuracy), text, true]);
  }
  return element("dl.tiles", entries.map(([value, text, isOwn]) =>
    element("div", { class: isOwn && "own" }, element("dt", text), element("dd", value))));
}

function errors({ all_metrics: { reconstruction } }) {
  const rows = Object.entries(reconstruction).map(([split, { images, model, pca }]) =>
    [`${split}, ${plural(images, "image")}`, [model.squared_error, pca.squared_error]]);
  return card("Error beside PCA", table("Squared error of an image, averaged; lower is better", ["", "model", "PCA"], rows, figure, Math.min));
}

function separability({ all_metrics: { separability } }) {
  const measured = MEASURES.filter(([key]) => separability.latents[key] !== null);
  const rows = measured.map(([key, name, format]) => [name, SPACES.map(([space]) => ownMeasure(separability, space, key)), format]);
  const caption = measured.length > 1 ? "How well each space keeps classes apart; higher is better" : "Higher is better";
  return card("Are classes apart?", table(caption, ["", ...SPACES.map(([, name]) => name)], rows, figure, Math.max));
}

/** Pixels are trusted by definition, so there they say nothing. */
function ownMeasure(separability, space, key) {
  return space === "pixels" && key === "trustworthiness" ? null : separability[space][key];
}

function training({ history }) {
  if (history.length === 0) return card("Training", element("p.note", "Computed in closed form, without epochs."));
  const points = history.map(({ epoch, validation_error }) => [epoch, validation_error]);
  const best = points.reduce((lowest, point) => (point[1] < lowest[1] ? point : lowest));
  const text = `Squared error on validation images, lowest after epoch ${best[0]}: ${figure(best[1])}`;
  const rows = points.map(([epoch, error]) => [String(epoch), [error]]);
  return card("Training", element("figure.curve", drawCurve(points, best, text), element("figcaption.note", `${text}.`)),
    element("details", element("summary", "As a table"), table("Squared error on validation images", ["epoch", "error"], rows, figure)));
}

function data({ data: dataset, created, name, version, software }) {
  const entries = [
    ["data set", dataset.name],
    ["images", `${count(dataset.train_images)} to train, ${count(dataset.validation_images)} to validate, ${count(dataset.test_images)} to test`],
    ["classes", dataset.classes.length ? `${count(dataset.classes.length)}: ${shortened(dataset.classes)}` : "no labels"],
    ["trained", new Intl.DateTimeFormat("en-GB", { dateStyle: "long" }).format(new Date(created))],
    ["with", `Hourglass ${software.hourglass}, PyTorch ${software.torch}`],
  ];
  return card(`${name}, version ${version}`, element("dl.facts", entries.map(([term, text]) =>
    element("div", element("dt", term), element("dd", text)))));
}

function shortened(names, most = 12) {
  return names.slice(0, most).join(", ") + (names.length > most ? ", …" : "");
}

function card(title, ...content) {
  return element("div.card", element("h3", title), content);
}

/** Rows are [name, numbers, format?]; the best number of each row, if `best` says which that is, is marked. */
function table(caption, head, rows, format, best = null) {
  const cells = ([name, numbers, own = format]) => {
    const winner = best && numbers.length > 1 ? best(...numbers.filter((value) => value !== null)) : null;
    return element("tr", element("th", { scope: "row" }, name), numbers.map((value) => element("td", { class: value !== null && value === winner && "best" }, own(value))));
  };
  return element("div.scroll", { tabindex: "0", role: "group", "aria-label": caption }, element("table", element("caption", caption),
    element("thead", element("tr", head.map((text) => (text ? element("th", { scope: "col" }, text) : element("td"))))),
    element("tbody", rows.map(cells))));
}
