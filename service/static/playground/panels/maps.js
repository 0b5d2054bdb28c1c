// The maps of both spaces, linked.

import * as calls from "../calls.js";
import { classColours } from "../colours.js";
import { curlButton } from "../curl.js";
import { button, details, element, fill, save } from "../dom.js";
import { plural } from "../format.js";
import { showPin, showSelection, showTable } from "../map_detail.js";
import { toCsv, toPng } from "../map_export.js";
import { showLegend } from "../map_legend.js";
import { numbersOfAnswer, numbersOfModel, showComparison, showNumbers } from "../map_numbers.js";
import { createPlot } from "../map_plot.js";
import { fit, place } from "../map_points.js";
import { createRecompute } from "../map_recompute.js";
import { createSubject } from "../map_subject.js";
import { readView, writeViews } from "../map_view.js";
import { waiting } from "../panel.js";
import { isStill } from "../player.js";
import { refer } from "../sample.js";
import { isDark, onTheme, token } from "../theme.js";

const TITLES = { image: "Image space", latent: "Latent space" };
const MOST_PINS = 6;
const WRITE_VIEW_MS = 250;
const CAUTIONS = [
  "Who is next to whom means much; distances between clusters and their sizes mean little.",
  "A map can tear a class apart, or draw clusters where there are none: recompute with another perplexity (more or fewer neighbours are minded) and seed (it begins elsewhere). What stays is in the data.",
  "The axes have no meaning, and a mirrored or turned map is the same map.",
  "KL divergence says how well a map fits its own space: do not compare it between spaces.",
];

export function mount(body, { state, api, announce }) {
  let sample = undefined; // null while there is none
  let isOwn = true; // whether the bundle's own maps are shown, and not some computed anew
  let timer = 0;

  const views = Object.entries(TITLES).map(([space, title]) => createView(space, title));
  const tools = [["pan", "Pan"], ["lasso", "Lasso"]].map(([tool, text]) => button(text, () => choose(tool), { "aria-pressed": String(tool === "pan"), "data-tool": tool }));
  const legend = element("div");
  const verdict = element("div.card.verdict");
  const pinned = element("ol.pins", { "aria-label": "Pinned points" });
  const hint = element("p.note", "Point at a dot to see its image, and choose it to see its nearest neighbours in both spaces.");
  const selected = element("section.card.selection", { "aria-label": "Selection", hidden: true });
  const subject = createSubject({ state, api, announce }, mark);
  const recompute = createRecompute({ state, api, announce }, {
    begin: () => measure(null),
    progress: (space, coordinates) => move(views.find((view) => view.space === space), coordinates, false),
    end: receive,
    back: showOwn,
  });
  const content = [
    element("div.row.toolbar", { role: "toolbar", "aria-label": "Tools of the maps" }, tools, button("Select all in view", selectInView),
      element("span.note.hint", "Wheel, pinch or + and − zoom; drag to pan.")),
    element("div.pair", views.map(({ plot, numbers, points }) => element("div.card.map",
      element("div.row.top", element("h3", plot.title), plot.buttons), plot.window, plot.help, numbers, points))),
    legend, recompute.form, subject.line, hint, pinned, selected,
    element("div.grid", verdict,
      element("div.card", element("h3", "How to read such maps"), element("ul.note", CAUTIONS.map((text) => element("li", text))))),
    element("div.row", button("Download PNG", savePng), button("Download CSV", saveCsv),
      curlButton("the maps", () => (isOwn ? calls.showReference(state.get().choice) : recompute.call()), announce)),
  ];

  onTheme(redress);
  state.on(["sample", "model"], show);
  state.on(["hiddenClasses", "selection"], redress);
  state.on(["pins"], showPins);
  state.on(["hover", "pins"], mark);
  state.on(["subject"], (now) => sample && subject.follow(now.subject));

  /** One map, with what stands under it; `map` holds the coordinates as they came. */
  function createView(space, title) {
    const heard = { hover, pin, select, choose: (row) => select(toggled(state.get().selection, row)), view: () => keepView(view) };
    const points = details("The points in view as a table");
    const view = { space, title, plot: createPlot(space, title, heard), map: new Float32Array(), numbers: element("div"), points };
    points.addEventListener("toggle", () => showPoints(view));
    return view;
  }

  function show(now) {
    if (now.sample === sample) return;
    sample = now.sample;
    recompute.open(sample);
    for (const { space, plot } of views) plot.open(sample, readView(now.view, space));
    subject.follow(now.subject);
    fill(body, sample === null ? waiting() : content);
    if (sample === null) return;
    showOwn();
    redress();
    showPins();
  }

  function showOwn() {
    for (const view of views) move(view, sample.maps[view.space], true);
    measure(numbersOfModel(state.get().model));
  }

  function move(view, coordinates, isBundles) {
    isOwn = isBundles;
    view.map = coordinates;
    view.plot.move(place(coordinates, fit(coordinates)), !isStill() && view.plot.places.some((value) => value !== 0));
    showPoints(view);
  }

  /** Without an answer, what has moved stays so, and no numbers are known of it. */
  function receive(answer) {
    if (answer === null) {
      if (isOwn) showOwn();
      return;
    }
    for (const view of views) move(view, Float32Array.from(answer.maps.find(({ space }) => space === view.space).coordinates.flat()), false);
    measure(numbersOfAnswer(answer));
  }

  function measure(found) {
    for (const { space, numbers } of views) fill(numbers, showNumbers(found?.maps[space]));
    fill(verdict, found ? showComparison(found) : element("p.note", "Which space separates classes better is measured when the maps are finished."));
  }

  function redress() {
    if (!sample) return;
    const { hiddenClasses, selection } = state.get();
    const shown = Uint8Array.from(sample.rows, (row) => (hiddenClasses.includes(sample.labels?.[row]) ? 0 : 1));
    const focused = legend.contains(document.activeElement) && document.activeElement.dataset.key;
    fill(legend, showLegend(sample, colours(), hiddenClasses, (hidden) => state.set({ hiddenClasses: hidden })));
    if (focused) legend.querySelector(`[data-key="${focused}"]`)?.focus();
    for (const view of views) {
      view.plot.dress(shown, selection);
      showPoints(view);
    }
    mark();
    selected.hidden = selection.length === 0;
    fill(selected, selection.length > 0 && showSelection(sample, selection, colours(), () => select([])));
  }

  function colours() {
    return classColours(sample.classes.length, isDark());
  }

  function mark() {
    if (!sample) return;
    const { hover, pins } = state.get();
    for (const view of views) view.plot.mark({ hover, pins, findSubject: () => findSubject(view) });
  }

  function findSubject({ space, plot, map }) {
    if (subject.row() !== null) return plot.placeOf(subject.row());
    if (space !== "latent") return null;
    return subject.placeOn(plot.places, isOwn && ((coordinates) => place(coordinates, fit(map))));
  }

  function hover(row, by) {
    state.set({ hover: row });
    if (row !== null && by === "key") announce(sample.name(row));
  }

  function pin(row) {
    const { pins } = state.get();
    state.set({ pins: toggled(pins, row).slice(-MOST_PINS) });
    announce(`${pins.includes(row) ? "Unpinned" : "Pinned"} ${sample.name(row)}.`);
  }

  function select(rows) {
    state.set({ selection: rows });
    announce(rows.length === 0 ? "Nothing is selected." : `Selected ${plural(rows.length, "image")}.`);
  }

  /** What is in the window of that map that is looked at nearer. */
  function selectInView() {
    const [image, latent] = views.map(({ plot }) => plot);
    select((image.view.zoom > latent.view.zoom ? image : latent).rowsInView());
  }

  function choose(tool) {
    for (const { plot } of views) plot.use(tool);
    for (const one of tools) one.ariaPressed = one.dataset.tool === tool;
  }

  /** Into the address, once it rests: browsers allow few changes of it. */
  function keepView(view) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      state.set({ view: writeViews(Object.fromEntries(views.map(({ space, plot }) => [space, plot.view]))) });
      showPoints(view);
    }, WRITE_VIEW_MS);
  }

  function showPins() {
    if (!sample) return;
    const { pins } = state.get();
    const put = (field) => (row) => state.set({ [field]: refer(sample, row) });
    const acts = { hover, pin, look: put("subject"), setA: put("a"), setB: put("b") };
    hint.hidden = pins.length > 0;
    pinned.hidden = pins.length === 0;
    fill(pinned, pins.map((row, at) => showPin(sample, row, at + 1, acts)));
  }

  function showPoints({ points, plot, map, title }) {
    if (!points.open || !sample) return;
    const rows = plot.rowsInView();
    fill(points, points.firstChild, showTable(sample, rows, `${title}: the first of ${plural(rows.length, "point")} in view`, (row) => [map[2 * row], map[2 * row + 1]]));
  }

  async function savePng() {
    const { hiddenClasses, choice } = state.get();
    const named = sample.classes.map((name, number) => [name, colours()[number]]).filter((_, number) => !hiddenClasses.includes(number));
    save(await toPng(views.map(({ plot }) => plot), named, { ink: token("--ink"), paper: token("--raised") }), `${choice.name}-maps.png`);
  }

  function saveCsv() {
    const maps = Object.fromEntries(views.map(({ space, map }) => [space, map]));
    save(new Blob([toCsv(sample, maps)], { type: "text/csv" }), `${state.get().choice.name}-maps.csv`);
  }
}

function toggled(rows, row) {
  return rows.includes(row) ? rows.filter((one) => one !== row) : [...rows, row];
}
