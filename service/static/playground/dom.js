// Elements from data: text is only ever text, so no name of a model, class or file can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element; `attributes` that begin with "on" are listeners, booleans are set or left out; children are nodes or text. */
export function element(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** An element of a drawing. */
export function shape(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

/** Let a node hold these children and no others. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat().filter(isThere));
  return node;
}

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (isThere(value)) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter(isThere));
  return node;
}

function isThere(value) {
  return value !== null && value !== undefined && value !== false;
}
