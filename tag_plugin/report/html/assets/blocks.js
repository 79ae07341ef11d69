"use strict";
// Data blocks of the page. Nothing in them is ever run or read as HTML.

const CACHED_CHUNKS = 400;
const cachedBlocks = new Map();

/** The JSON of a data block, or null when the page has none of that name. */
function block(id) {
  if (cachedBlocks.has(id)) return cachedBlocks.get(id);
  const holder = document.getElementById(id);
  const value = holder ? JSON.parse(holder.textContent) : null;
  if (cachedBlocks.size >= CACHED_CHUNKS) cachedBlocks.delete(cachedBlocks.keys().next().value);
  cachedBlocks.set(id, value);
  return value;
}

/** A new element: properties, then children (text is always text). */
function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** A new SVG element: attributes, then children. */
function makeSvg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
