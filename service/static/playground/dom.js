// Elements from data: text is only ever text, so no name of a model, class or file can become markup.

/**
 * An element with classes, attributes and children: element("p.note", { id: "x" }, "text").
 *
 * Attributes may be left out. Those that begin with "on" are listeners, booleans are set or left out; children are nodes or text.
 */
export function element(name, ...parts) {
  const [tag, ...classes] = name.split(".");
  return build(document.createElement(tag), classes, parts);
}

/** The same for an element of a drawing. */
export function shape(name, ...parts) {
  const [tag, ...classes] = name.split(".");
  return build(document.createElementNS("http://www.w3.org/2000/svg", tag), classes, parts);
}

/** Let a node hold these children and no others. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat().filter(isThere));
  return node;
}

function build(node, classes, parts) {
  const [attributes, ...children] = parts[0]?.constructor === Object ? parts : [{}, ...parts];
  node.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (isThere(value)) node.setAttribute(name, value === true ? "" : value);
  }
  return fill(node, ...children);
}

const isThere = (value) => value !== null && value !== undefined && value !== false;
