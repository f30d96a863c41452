// What all parts of the page share: the data, what is chosen, and who is told of it.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const whole = (n) => n.toLocaleString("en");
const times = (shape) => shape.join(" x ");
const shortened = (text) => text.length > 21 ? `…${text.slice(-20)}` : text;
const total = (boxes, key) => boxes.reduce((sum, box) => sum + box[key], 0);

function amount(bytes) {
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

const chosen = { box: 0, image: 0 };
const listeners = [];

function choose(change) {
  Object.assign(chosen, change);
  for (const listener of listeners) listener(change);
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function svg(name, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}
