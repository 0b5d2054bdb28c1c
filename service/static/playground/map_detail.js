// What was picked on the maps: pinned points with their neighbours, and the selection.

import { button, details, element, table } from "./dom.js";
import { figure, percent, plural } from "./format.js";

const [NEIGHBOURS, SHEET_STEP, TABLE] = [8, 96, 60];
const PHONE = matchMedia("(max-width: 34rem)");

export function tileOf(sample, row, attributes = { role: "img", "aria-label": sample.name(row) }) {
  const canvas = element("canvas.pixelated.tile", { ...sample.thumbnail, ...attributes });
  sample.drawThumbnail(canvas.getContext("2d"), row);
  return canvas;
}

/** A pinned point. `acts` are { hover, pin, look, setA, setB }. */
export function showPin(sample, row, number, acts) {
  const [inLatent, inImage] = ["latent", "image"].map((space) => sample.neighbours(space, row, NEIGHBOURS));
  const shared = inLatent.filter((one) => inImage.some((other) => other.row === one.row)).length;
  const name = sample.name(row);
  const act = (text, onclick) => button(text, () => onclick(row), { "aria-label": `${text}: ${name}` });
  return element("li.card.pin",
    element("div.pinned", tileOf(sample, row),
      element("div", element("h4", element("span.number", number), sample.label(row) ? ` Class ${sample.label(row)}` : " Image"),
        element("p.note", `Test image ${sample.testIndices[row]}; its error is higher than ${percent(sample.percentile[row])} of known images.`)),
      button("×", () => acts.pin(row), { "aria-label": `Unpin ${name}` }, ".plain.square")),
    neighbourRow(sample, row, "in latent space", inLatent, acts), neighbourRow(sample, row, "in image space", inImage, acts),
    element("p.note", `${shared} of ${NEIGHBOURS} are the same in both.`),
    element("div.row", act("Look at it", acts.look), act("Set as A", acts.setA), act("Set as B", acts.setB)));
}

function neighbourRow(sample, row, where, near, acts) {
  const isForeign = (other) => sample.label(other) !== sample.label(row);
  const tally = sample.labels && `, ${near.filter((one) => !isForeign(one.row)).length} of ${near.length} of its class`;
  const tile = ({ row: other, distance }) => element("li", element(isForeign(other) ? "button.near.foreign" : "button.near", {
    type: "button", "aria-label": `${sample.name(other)}, distance ${figure(distance)}: pin it`, title: `${sample.label(other)} · ${figure(distance)}`,
    onclick: () => acts.pin(other), onpointerenter: () => acts.hover(other), onpointerleave: () => acts.hover(null), onfocus: () => acts.hover(other), onblur: () => acts.hover(null),
  }, tileOf(sample, other, { "aria-hidden": "true" })));
  return element("div", element("h5", `Nearest ${where}`, tally), element("ul.strip", near.map(tile)));
}

export function showSelection(sample, rows, colours, letGo) {
  return [
    element("div.row", element("h3", `Selected: ${plural(rows.length, "image")}`), button("Let go", letGo)),
    sample.labels && showCounts(sample, rows, colours),
    contactSheet(sample, rows),
    details("The selection as a table", showTable(sample, rows, `The first ${Math.min(TABLE, rows.length)} of ${plural(rows.length, "image")}`)),
  ];
}

function showCounts(sample, rows, colours) {
  const classes = sample.byClass(rows).sort((one, other) => other.rows.length - one.rows.length);
  return element("ul.counts", { "aria-label": "Counts by class" }, classes.map(({ number, name, rows: { length } }) => {
    const share = element("span.share");
    share.style.width = `${(100 * length) / classes[0].rows.length}%`;
    share.style.background = colours[number];
    return element("li", element("span.what", name), element("span.rail", share), element("span.amount", `${length} · ${percent(length / rows.length, 0)}`));
  }));
}

function contactSheet(sample, rows) {
  const canvas = element("canvas.pixelated.sheet", { role: "img" });
  const more = button("", () => draw(drawn + SHEET_STEP));
  let drawn = 0;
  const draw = (wanted) => {
    drawn = Math.min(wanted, rows.length);
    const { width, height } = sample.thumbnail;
    const columns = Math.min(drawn, PHONE.matches ? 8 : 24);
    canvas.width = columns * width;
    canvas.height = Math.ceil(drawn / columns) * height;
    canvas.style.maxWidth = `${columns * 2.5}rem`;
    canvas.ariaLabel = `Contact sheet of ${plural(drawn, "selected image")}`;
    const context = canvas.getContext("2d");
    rows.slice(0, drawn).forEach((row, at) => sample.drawThumbnail(context, row, (at % columns) * width, Math.floor(at / columns) * height));
    more.hidden = drawn === rows.length;
    more.textContent = `Show ${Math.min(SHEET_STEP, rows.length - drawn)} more of ${rows.length - drawn}`;
  };
  draw(SHEET_STEP);
  return element("div.contact", canvas, more);
}

/** The first of some rows; `placeOf(row)` adds the place on a map. */
export function showTable(sample, rows, caption, placeOf = null) {
  const head = ["Test image", sample.labels && "Class", placeOf && "x", placeOf && "y", "Error percentile"];
  const cells = (row) => [sample.testIndices[row], sample.labels && sample.label(row), ...(placeOf?.(row).map(figure) ?? []), percent(sample.percentile[row])];
  return table(caption, head.filter(Boolean), rows.slice(0, TABLE).map((row) => cells(row).filter((cell) => cell !== null)));
}
