/* Elements without HTML text: what comes from an invoice is never anything but text. */

/*
 * h(tag, attributes, ...children): an element.  attributes: null, or name → value; null, undefined
 * and false leave an attribute out, true sets it empty; `on: {click: fn}` adds listeners.
 * children: nodes, texts, numbers, arrays of these; null, undefined and false are skipped.
 */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/* The same for SVG. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

/* Makes the children all that the node holds; returns the node. */
export function replace(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
}
