// The layers as boxes from top to bottom. Choosing one tells the other parts of the page.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const whole = (n) => n.toLocaleString("en");
const times = (shape) => shape.join(" x ");
const shortened = (text) => text.length > 21 ? `…${text.slice(-20)}` : text;

function amount(bytes) {
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

const chosen = { box: 0, image: 0 };
const listeners = [];

function choose(change) {
  Object.assign(chosen, change);
  for (const listener of listeners) listener(change);
}

const STEP = { x: 164, y: 62 };
const BOX = { width: 146, height: 38 };

function svg(name, attributes, parent) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
}

function arrow(from, to) {
  const [x0, y0, x1, y1] = [from.x, from.y + BOX.height / 2, to.x, to.y - BOX.height / 2];
  const rows = to.row - from.row;
  if (rows === 1) return `M${x0} ${y0} C${x0} ${y0 + 14} ${x1} ${y1 - 14} ${x1} ${y1}`;
  const passes = data.boxes.some((box) => box.row > from.row && box.row < to.row &&
    Math.abs(box.column - from.column) < 0.9);
  if (!passes) {
    return `M${x0} ${y0} L${x0} ${y1 - 30} C${x0} ${y1} ${x1} ${y1 - 20} ${x1} ${y1}`;
  }
  // It would cross other boxes, so it goes around them on the right.
  const side = Math.max(x0, x1) + BOX.width / 2 + Math.min(12 + 4 * rows, 60);
  return `M${x0} ${y0} C${x0} ${y0 + 20} ${side} ${y0} ${side} ${y0 + 34} ` +
    `L${side} ${y1 - 34} C${side} ${y1} ${x1} ${y1 - 20} ${x1} ${y1}`;
}

function drawGraph() {
  const columns = data.boxes.map((box) => box.column);
  const left = Math.min(...columns), right = Math.max(...columns);
  const rows = Math.max(...data.boxes.map((box) => box.row));
  const width = (right - left) * STEP.x + BOX.width + 160, height = rows * STEP.y + BOX.height + 20;
  const picture = svg("svg", { width, height, role: "listbox", "aria-label": "Layers" }, byId("graph"));
  const arrows = svg("g", { "aria-hidden": "true" }, picture);
  for (const box of data.boxes) {
    box.x = (box.column - left) * STEP.x + BOX.width / 2 + 70;
    box.y = box.row * STEP.y + BOX.height / 2 + 10;
    box.arrows = [];
  }
  data.boxes.forEach((box, k) => {
    for (const source of box.sources) {
      const path = svg("path", { d: arrow(data.boxes[source], box) }, arrows);
      box.arrows.push(path);
      data.boxes[source].arrows.push(path);
    }
    const label = `${box.name}, ${box.type}, output ${times(box.output_shape)}`;
    const group = svg("g", { role: "option", class: box.role, tabindex: -1, "aria-label": label,
      transform: `translate(${box.x - BOX.width / 2} ${box.y - BOX.height / 2})` }, picture);
    svg("rect", { ...BOX, rx: 6 }, group);
    svg("text", { x: BOX.width / 2, y: 16, "text-anchor": "middle" }, group).textContent = shortened(box.name);
    svg("text", { x: BOX.width / 2, y: 31, "text-anchor": "middle", class: "shape" }, group)
      .textContent = box.kind === "image" ? times(box.output_shape) : shortened(box.type);
    group.addEventListener("click", () => {
      choose({ box: k });
      // On a narrow screen the layer is told below the graph.
      const told = byId("layer");
      if (told.getBoundingClientRect().top > innerHeight / 2) told.scrollIntoView();
    });
    box.group = group;
  });
  picture.addEventListener("keydown", walk);
}

function walk(event) {
  const last = data.boxes.length - 1;
  const box = data.boxes[chosen.box];
  const beside = data.boxes.map((other, k) => [other.column - box.column, k])
    .filter(([, k]) => data.boxes[k].row === box.row).sort((a, b) => a[0] - b[0]);
  const sideways = (sign) => sign > 0 ? beside.find(([d]) => d > 0) : beside.findLast(([d]) => d < 0);
  const moves = {
    ArrowDown: () => Math.min(chosen.box + 1, last), ArrowUp: () => Math.max(chosen.box - 1, 0),
    ArrowRight: () => sideways(1)?.[1], ArrowLeft: () => sideways(-1)?.[1],
    Home: () => 0, End: () => last,
  };
  const next = moves[event.key]?.();
  if (next === undefined) return;
  event.preventDefault();
  choose({ box: next });
  data.boxes[next].group.focus();
}

function showFacts() {
  const box = data.boxes[chosen.box];
  byId("layer-name").textContent = `${box.name}: ${box.type}`;
  const facts = {
    Settings: box.settings || "none",
    Input: box.input_shape.length ? times(box.input_shape) : "none",
    Output: times(box.output_shape),
    Parameters: whole(box.parameters),
    "Multiply-adds": whole(box.multiply_adds),
    Memory: box.memory_bytes ? `${amount(box.memory_bytes)} of output` : "writes over its input",
    "Receptive field": box.field ? `${times(box.field.size)} pixels, ${times(box.field.jump)} apart` : "the pixel itself",
  };
  if (box.kind !== "layer") ["Settings", "Parameters", "Multiply-adds", "Memory"].forEach((key) => delete facts[key]);
  byId("facts").replaceChildren(...Object.entries(facts).map(([key, value]) => {
    const row = document.createElement("tr");
    const [head, cell] = [document.createElement("th"), document.createElement("td")];
    head.scope = "row";
    head.textContent = key;
    cell.textContent = value;
    row.append(head, cell);
    return row;
  }));
}

listeners.push((change) => {
  if (!("box" in change)) return;
  data.boxes.forEach((box, k) => {
    box.group.setAttribute("aria-selected", k === chosen.box);
    box.group.setAttribute("tabindex", k === chosen.box ? 0 : -1);
    for (const path of box.arrows) path.classList.remove("near");
  });
  for (const path of data.boxes[chosen.box].arrows) path.classList.add("near");
  const frame = byId("graph"), box = data.boxes[chosen.box];
  if (box.y < frame.scrollTop + 40 || box.y > frame.scrollTop + frame.clientHeight - 40) {
    frame.scrollTop = box.y - frame.clientHeight / 2;
  }
  frame.scrollLeft = box.x - frame.clientWidth / 2;
  showFacts();
});

drawGraph();
const sum = (key) => data.boxes.reduce((total, box) => total + box[key], 0);
byId("totals").textContent = `${whole(sum("parameters"))} parameters, ` +
  `${whole(sum("multiply_adds"))} multiply-adds and ` +
  `${(sum("memory_bytes") / 2 ** 20).toFixed(2)} MiB of outputs for an image of ` +
  `${times(data.boxes[0].output_shape)}`;
