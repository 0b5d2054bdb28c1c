// Elements from data: text is only ever text, so no name of a model, class or file can become markup.

/**
 * An element with classes, attributes and children: element("p.note", { id: "x" }, "text").
 *
 * Attributes may be left out. Those that begin with "on" are listeners, booleans are set or left out; children are nodes or text.
 */
export const element = (name, ...parts) => build("http://www.w3.org/1999/xhtml", name, parts);
export const shape = (name, ...parts) => build("http://www.w3.org/2000/svg", name, parts);

/** Where arrow keys lead: [to the right, down]. */
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** For what follows fingers itself: to Chromium one that rests is a long press, after which it swallows the next tap. */
export const OWN_TOUCH = { ontouchstart: (event) => event.preventDefault() };

/** Let the browser save a file. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

export function fill(node, ...children) {
  node.replaceChildren(...children.flat().filter(isThere));
  return node;
}

/** A button; `act` is called when it is pressed. `classes` are of controls.css: ".primary". */
export function button(text, act, attributes = {}, classes = "") {
  return element(`button.button${classes}`, { type: "button", onclick: act, ...attributes }, text);
}

export function select(options, attributes) {
  return element("select.select", attributes, options.map(([value, text]) => element("option", { value }, text)));
}

export function details(summary, ...content) {
  return element("details", element("summary", summary), content);
}

/** A table, whose rows begin with what they are about; it scrolls where it is too wide. */
export function table(caption, head, rows) {
  const cell = (content) => (content instanceof Node ? content : element("td", content));
  return element("div.scroll", { tabindex: "0", role: "group", "aria-label": caption }, element("table", element("caption", caption),
    element("thead", element("tr", head.map((text) => (text ? element("th", { scope: "col" }, text) : element("td"))))),
    element("tbody", rows.map(([name, ...cells]) => element("tr", element("th", { scope: "row" }, name), cells.map(cell))))));
}

function build(namespace, name, parts) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElementNS(namespace, tag);
  const [attributes, ...children] = parts[0]?.constructor === Object ? parts : [{}, ...parts];
  node.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (isThere(value)) node.setAttribute(key, value === true ? "" : value);
  }
  return fill(node, ...children);
}

const isThere = (value) => value !== null && value !== undefined && value !== false;
