// The state in the page's address, so that a link shows a colleague the same.
//
// ?model=mnist&version=2&pins=3,17&hidden=0,4&subject=5&a=8&b=12&view=... : rows of the reference sample stand for images. What was
// drawn or uploaded is not in the address. The fragment is left to the parts of the page: #maps.

import { refer } from "./sample.js";

/** The model and version that an address asks for: { name, version }, each null where it does not. */
export function readChoice(search = location.search) {
  const query = new URLSearchParams(search);
  return { name: query.get("model"), version: wholeNumber(query.get("version")) };
}

/** The images and the view that an address asks for, as changes of the store; rows that are not there are left out. */
export function readImages(sample, search = location.search) {
  const query = new URLSearchParams(search);
  const row = (name) => rowsOf(query.get(name), sample.count)[0];
  const end = (name) => (row(name) === undefined ? null : refer(sample, row(name)));
  return {
    pins: rowsOf(query.get("pins"), sample.count),
    hiddenClasses: rowsOf(query.get("hidden"), sample.classes.length),
    subject: end("subject"),
    a: end("a"),
    b: end("b"),
    view: query.get("view"),
  };
}

/** Keep the address up to the store. */
export function followState(state) {
  state.on(["choice", "sample", "pins", "hiddenClasses", "subject", "a", "b", "view"], (now) => {
    if (now.sample === null) return; // in the middle of a change of model
    const query = new URLSearchParams();
    const put = (name, value) => value !== null && value !== undefined && value !== "" && query.set(name, value);
    put("model", now.choice.name);
    put("version", now.choice.version);
    put("pins", now.pins.join(","));
    put("hidden", now.hiddenClasses.join(","));
    for (const name of ["subject", "a", "b"]) put(name, now[name]?.row);
    put("view", now.view);
    const search = `?${query.toString().replaceAll("%2C", ",")}`;
    if (search !== location.search) history.replaceState(null, "", search + location.hash);
  });
}

function rowsOf(text, count) {
  const rows = (text ?? "").split(",").map(wholeNumber);
  return [...new Set(rows)].filter((row) => row !== null && row < count);
}

function wholeNumber(text) {
  return /^\d{1,9}$/.test(text ?? "") ? Number(text) : null;
}
