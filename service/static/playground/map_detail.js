// What was picked on the maps, as images: a pinned point with its neighbours in both spaces, and the sheet of a selection.

import { element } from "./dom.js";
import { figure, percent, plural } from "./format.js";

const [NEIGHBOURS, SHEET_STEP, TABLE] = [8, 96, 60];
const PHONE = matchMedia("(max-width: 34rem)");
const SPACES = [["latent", "in latent space"], ["image", "in image space"]];

/** A row's tile on a canvas of its own. */
export function tileOf(sample, row, attributes = { role: "img", "aria-label": sample.name(row) }) {
  const { tile_width: width, tile_height: height } = sample.sheet;
  const canvas = element("canvas", { class: "pixelated tile", width, height, ...attributes });
  sample.drawTile(canvas.getContext("2d"), row, 0, 0, width, height);
  canvas.style.setProperty("aspect-ratio", `${width} / ${height}`);
  return canvas;
}

/** A pinned point. `acts` are { hover, pin, look, setA, setB }. */
export function showPin(sample, row, number, acts) {
  const found = SPACES.map(([space, where]) => [where, sample.neighbours(space, row, NEIGHBOURS)]);
  const [inLatent, inImage] = found.map(([, near]) => new Set(near.map((one) => one.row)));
  const shared = [...inLatent].filter((other) => inImage.has(other)).length;
  const button = (text, act, label) => element("button", { type: "button", class: "button", "aria-label": `${label}: ${sample.name(row)}`, onclick: act }, text);
  return element("li", { class: "card pin" },
    element("div", { class: "pinned" }, tileOf(sample, row),
      element("div", {}, element("h4", {}, element("span", { class: "number" }, String(number)), sample.label(row) ? ` Class ${sample.label(row)}` : " Image"),
        element("p", { class: "note" }, `Test image ${sample.testIndices[row]}; its error is higher than ${percent(sample.percentile[row])} of known images.`)),
      element("button", { type: "button", class: "button plain square", "aria-label": `Unpin ${sample.name(row)}`, onclick: () => acts.pin(row) }, "×")),
    found.map(([where, near]) => neighbourRow(sample, row, where, near, acts)),
    element("p", { class: "note" }, `${shared} of ${NEIGHBOURS} are the same in both.`),
    element("div", { class: "row" }, button("Look at it", () => acts.look(row), "Look at it"), button("Set as A", () => acts.setA(row), "Set as A"), button("Set as B", () => acts.setB(row), "Set as B")));
}

function neighbourRow(sample, row, where, near, acts) {
  const alike = near.filter((one) => sample.label(one.row) === sample.label(row)).length;
  const tally = sample.labels === null ? "" : `, ${alike} of ${near.length} of its class`;
  const tile = ({ row: other, distance }) => element("li", {}, element("button", {
    type: "button", class: sample.labels !== null && sample.label(other) !== sample.label(row) ? "near foreign" : "near",
    "aria-label": `${sample.name(other)}, distance ${figure(distance)}: pin it`, title: `${sample.label(other)} · ${figure(distance)}`,
    onclick: () => acts.pin(other), onpointerenter: () => acts.hover(other), onpointerleave: () => acts.hover(null), onfocus: () => acts.hover(other), onblur: () => acts.hover(null),
  }, tileOf(sample, other, { "aria-hidden": "true" })));
  return element("div", { class: "neighbours" }, element("h5", {}, `Nearest ${where}${tally}`), element("ul", { class: "strip" }, near.map(tile)));
}

/** A selection: its counts by class, the images as one sheet, and a table of the first of them. */
export function showSelection(sample, rows, colours, acts) {
  const drop = element("button", { type: "button", class: "button", onclick: () => acts.select([]) }, "Let go");
  return [
    element("div", { class: "row" }, element("h3", {}, `Selected: ${plural(rows.length, "image")}`), drop),
    sample.labels !== null && showCounts(sample, rows, colours),
    contactSheet(sample, rows),
    element("details", {}, element("summary", {}, "The selection as a table"), showTable(sample, rows, `The first ${Math.min(TABLE, rows.length)} of ${plural(rows.length, "image")}`)),
  ];
}

function showCounts(sample, rows, colours) {
  const counts = new Map();
  for (const row of rows) counts.set(sample.labels[row], (counts.get(sample.labels[row]) ?? 0) + 1);
  const sorted = [...counts].sort((one, other) => other[1] - one[1]);
  return element("ul", { class: "counts", "aria-label": "Counts by class" }, sorted.map(([number, amount]) => {
    const share = element("span", { class: "share" });
    share.style.setProperty("width", `${(100 * amount) / sorted[0][1]}%`);
    share.style.setProperty("background", colours[number]);
    return element("li", {}, element("span", { class: "what" }, sample.classes[number] ?? String(number)), element("span", { class: "rail" }, share),
      element("span", { class: "amount" }, `${amount} · ${percent(amount / rows.length, 0)}`));
  }));
}

/** Tiles side by side on one canvas; more are added by a button. */
function contactSheet(sample, rows) {
  const canvas = element("canvas", { class: "pixelated sheet", role: "img" });
  const more = element("button", { type: "button", class: "button", onclick: () => draw(drawn + SHEET_STEP) });
  let drawn = 0;
  const draw = (wanted) => {
    drawn = Math.min(wanted, rows.length);
    const { tile_width: width, tile_height: height } = sample.sheet;
    const columns = Math.min(drawn, PHONE.matches ? 8 : 24);
    canvas.width = columns * width;
    canvas.height = Math.ceil(drawn / columns) * height;
    canvas.style.setProperty("max-width", `${columns * 2.5}rem`);
    canvas.setAttribute("aria-label", `Contact sheet of ${plural(drawn, "selected image")}`);
    rows.slice(0, drawn).forEach((row, at) =>
      sample.drawTile(canvas.getContext("2d"), row, (at % columns) * width, Math.floor(at / columns) * height, width, height));
    more.hidden = drawn === rows.length;
    more.textContent = `Show ${Math.min(SHEET_STEP, rows.length - drawn)} more of ${rows.length - drawn}`;
  };
  draw(SHEET_STEP);
  return element("div", { class: "contact" }, canvas, more);
}

/** Rows of the sample as a table, the first of them; `placeOf(row)` adds the place on a map. */
export function showTable(sample, rows, caption, placeOf = null) {
  const head = ["Test image", sample.labels !== null && "Class", placeOf && "x", placeOf && "y", "Error percentile"].filter(Boolean);
  const cells = (row) => [sample.labels !== null && sample.label(row), ...(placeOf ? placeOf(row).map(figure) : []), percent(sample.percentile[row])].filter((cell) => cell !== false);
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": caption }, element("table", {}, element("caption", {}, caption),
    element("thead", {}, element("tr", {}, head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, rows.slice(0, TABLE).map((row) =>
      element("tr", {}, element("th", { scope: "row" }, String(sample.testIndices[row])), cells(row).map((text) => element("td", {}, text)))))));
}
