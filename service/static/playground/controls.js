// What several panels are made of: buttons, lists to choose from, tables. Their style is in controls.css.

import { element } from "./dom.js";

/** A button; `act` is called when it is pressed. `classes` are of controls.css: ".primary". */
export function button(text, act, attributes = {}, classes = "") {
  return element(`button.button${classes}`, { type: "button", onclick: act, ...attributes }, text);
}

/** A list to choose from; options are [value, text]. */
export function select(options, attributes) {
  return element("select.select", attributes, options.map(([value, text]) => element("option", { value }, text)));
}

/** What is shown when it is asked for. */
export function details(summary, ...content) {
  return element("details", element("summary", summary), content);
}

/** A table, whose rows begin with what they are about; it scrolls where it is too wide. Cells are text, or elements of their own. */
export function table(caption, head, rows) {
  const cell = (content) => (content instanceof Node ? content : element("td", content));
  return element("div.scroll", { tabindex: "0", role: "group", "aria-label": caption }, element("table", element("caption", caption),
    element("thead", element("tr", head.map((text) => (text ? element("th", { scope: "col" }, text) : element("td"))))),
    element("tbody", rows.map(([name, ...cells]) => element("tr", element("th", { scope: "row" }, name), cells.map(cell))))));
}
