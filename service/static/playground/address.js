// The state in the page's address, so that a link shows a colleague the same.
//
// ?model=mnist&version=2&pins=3,17&hidden=0,4&subject=5&a=8&b=12&view=... : rows of the sample stand for images; what was drawn or
// uploaded is not in it.

import { refer } from "./sample.js";

export function readChoice() {
  const query = new URLSearchParams(location.search);
  return { name: query.get("model"), version: wholeNumber(query.get("version")) };
}

/** What an address asks for as changes of the store; rows that are not there are left out. */
export function readImages(sample) {
  const query = new URLSearchParams(location.search);
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

export function followState(state) {
  state.on(["choice", "sample", "pins", "hiddenClasses", "subject", "a", "b", "view"], (now) => {
    if (now.sample === null) return; // in the middle of a change of model
    const { choice, pins, hiddenClasses, subject, a, b, view } = now;
    const fields = { model: choice.name, version: choice.version, pins: pins.join(), hidden: hiddenClasses.join(), subject: subject?.row, a: a?.row, b: b?.row, view };
    const query = new URLSearchParams(Object.entries(fields).filter(([, value]) => (value ?? "") !== ""));
    const search = `?${query}`.replaceAll("%2C", ",");
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
