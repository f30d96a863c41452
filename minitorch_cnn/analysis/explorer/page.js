// What all parts of the page share: the data, what is chosen, and who is told of it.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
/** @type {(id: string) => any} */
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

/** @returns {any} */
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

// The numbers of an image in packed maps: bytes from 0 to 255.
function levels(packed, image) {
  packed.array ??= Uint8Array.from(atob(packed.bytes), (c) => c.charCodeAt(0));
  const size = packed.shape.reduce((a, b) => a * b, 1);
  return packed.array.subarray(image * size, (image + 1) * size);
}

// Dark for little, bright for much, whatever the theme: brightness is the number. Of three maps,
// one behind the other, a picture in red, green and blue.
function paint(canvas, bytes, width, height, colours = false) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
  const pixels = width * height;
  for (let k = 0; k < (colours ? pixels : bytes.length); k++) {
    const rgb = colours ? [bytes[k], bytes[k + pixels], bytes[k + 2 * pixels]] : Array(3).fill(bytes[k]);
    picture.data.set([...rgb, 255], 4 * k);
  }
  context.putImageData(picture, 0, 0);
  return context;
}

/** @returns {any[]} its label and its input */
function slider(name, low, high, value, change) {
  const label = element("label"), input = element("input"), text = element("span");
  Object.assign(input, { type: "range", min: low, max: high, step: 1, value });
  input.dataset.name = name;
  const show = () => { text.textContent = `${name} ${input.value}`; };
  input.addEventListener("input", () => { show(); change(Number(input.value)); });
  input.show = (limit, now) => { input.max = limit; input.value = now; show(); };
  show();
  label.append(text, input);
  return [label, input];
}
