// What every panel begins with.

import { element } from "./dom.js";

/** Put a heading and a sentence into a panel, and give the element that the rest goes into. */
export function open(root, title, text) {
  const body = element("div", { class: "body" });
  root.append(element("header", {}, element("h2", { id: `${root.id}-title` }, title), element("p", {}, text)), body);
  return body;
}

/** What stands where a model's images will be. */
export function waiting(text = "Loading the model…") {
  return element("p", { class: "waiting" }, text);
}
