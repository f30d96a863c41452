// A convolution of four maps to play with: where the window stands, what it reads, what comes out.
const MAPS = 4, SIDE = 8;
const convolution = { kernel: 3, stride: 1, padding: 0, dilation: 1, groups: 1, map: 0, row: 0, column: 0 };

function turned(digit) {
  return digit.map((_, i) => digit.map((row, j) => digit[SIDE - 1 - j][i]));
}

function inputMaps(image) {
  const found = [data.digits[image]];
  while (found.length < MAPS) found.push(turned(found[found.length - 1]));
  return found;
}

// Small whole numbers, so that sums can be checked by hand: a different pattern for each pair. Or
// what was chosen or typed instead: rows of numbers, by output and input map and size.
const chosenKernels = new Map();
const kernelKey = (o, c, size) => `${o} ${c} ${size}`;
function weight(o, c, i, j) {
  const own = chosenKernels.get(kernelKey(o, c, convolution.kernel));
  return own?.[i]?.[j] ?? ((3 * i + 5 * j + 2 * o + 7 * c + i * j) % 5) - 2;
}

const briefly = (number) => Number(number.toFixed(2));

function outputSide({ kernel, stride, padding, dilation }) {
  return Math.floor((SIDE + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

// The column of the im2col matrix of one output: what the window reads, and what it is multiplied by.
function column(x, state, o, row, at) {
  const channels = MAPS / state.groups, first = Math.floor(o / (MAPS / state.groups)) * channels;
  const taps = [];
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < state.kernel; i++) {
      for (let j = 0; j < state.kernel; j++) {
        const h = row * state.stride + i * state.dilation - state.padding;
        const w = at * state.stride + j * state.dilation - state.padding;
        taps.push({ channel: first + c, i, j, h, w, x: x[first + c][h]?.[w] ?? 0, w_: weight(o, c, i, j) });
      }
    }
  }
  return taps;
}

const dot = (taps) => taps.reduce((total, tap) => total + tap.x * tap.w_, 0);

function convolve(x, state) {
  const side = Math.max(outputSide(state), 0), places = [...Array(side).keys()];
  return [...Array(MAPS).keys()].map((o) =>
    places.map((row) => places.map((at) => dot(column(x, state, o, row, at)))));
}

function cells(numbers, decorate) {
  const frame = document.createElement("div");
  frame.className = "cells";
  frame.style.gridTemplateColumns = `repeat(${numbers[0]?.length ?? 0}, max-content)`;
  numbers.forEach((row, i) => row.forEach((number, j) => {
    const cell = document.createElement("span");
    cell.textContent = `${briefly(number)}`;
    decorate(cell, i, j);
    frame.append(cell);
  }));
  return frame;
}

function showInput(x, taps) {
  const p = convolution.padding, full = SIDE + 2 * p;
  const read = new Set(taps.map((tap) => `${tap.channel} ${tap.h} ${tap.w}`));
  const used = new Set(taps.map((tap) => tap.channel));
  byId("conv-input").replaceChildren(...x.map((map, c) => {
    const padded = [...Array(full).keys()].map((i) => [...Array(full).keys()].map((j) => map[i - p]?.[j - p] ?? 0));
    const frame = cells(padded, (cell, i, j) => {
      if (i < p || j < p || i >= SIDE + p || j >= SIDE + p) cell.classList.add("padding");
      if (read.has(`${c} ${i - p} ${j - p}`)) cell.classList.add("tap");
    });
    if (!used.has(c)) frame.classList.add("idle");
    frame.setAttribute("aria-label", `input map ${c}${used.has(c) ? "" : ", which this group does not see"}`);
    frame.role = "img";
    return frame;
  }));
}

function showColumn(taps) {
  const table = document.createElement("table");
  const head = document.createElement("thead"), body = document.createElement("tbody");
  head.innerHTML = "<tr><th>map</th><th>row</th><th>column</th><th>x</th><th>w</th><th>x w</th></tr>";
  for (const tap of taps) {
    const row = body.insertRow();
    for (const value of [tap.channel, tap.i, tap.j, tap.x, tap.w_, tap.x * tap.w_]) row.insertCell().textContent = `${briefly(value)}`;
  }
  table.append(head, body);
  byId("conv-column").replaceChildren(table);
}

function showConvolution() {
  const state = convolution, x = inputMaps(chosen.image), side = outputSide(state);
  const span = state.dilation * (state.kernel - 1) + 1;
  state.row = Math.max(Math.min(state.row, side - 1), 0);
  state.column = Math.max(Math.min(state.column, side - 1), 0);
  convSliders.row.show(Math.max(side - 1, 0), state.row);
  convSliders.column.show(Math.max(side - 1, 0), state.column);
  if (side < 1) {
    byId("convolution-text").textContent = `The window spans ${span} rows, the padded input has ` +
      `${SIDE + 2 * state.padding}: it fits nowhere.`;
    ["conv-input", "conv-output", "conv-column"].forEach((id) => byId(id).replaceChildren());
    return;
  }
  const taps = column(x, state, state.map, state.row, state.column);
  const output = convolve(x, state)[state.map];
  showInput(x, taps);
  showColumn(taps);
  byId("conv-output").replaceChildren(cells(output, (cell, i, j) => {
    if (i === state.row && j === state.column) cell.classList.add("here");
    cell.addEventListener("click", () => { Object.assign(state, { row: i, column: j }); showConvolution(); });
  }));
  byId("convolution-text").textContent = `floor((${SIDE} + 2 x ${state.padding} - ${span}) / ${state.stride}) + 1 = ` +
    `${side} outputs a side. The im2col matrix has ${taps.length} rows and ${side * side} columns` +
    `${state.groups > 1 ? `, in each of ${state.groups} groups` : ""}; this is column ` +
    `${state.row * side + state.column}. y[${state.map}, ${state.row}, ${state.column}] = ${briefly(dot(taps))}`;
}

const RANGES = { kernel: [1, 5], stride: [1, 3], padding: [0, 3], dilation: [1, 3], groups: [0, 2], map: [0, 3], row: [0, 5], column: [0, 5] };
const convSliders = {};
for (const [name, [low, high]] of Object.entries(RANGES)) {
  const start = name === "groups" ? Math.log2(convolution.groups) : convolution[name];
  const [label, input] = slider(name, low, high, start, (value) => {
    convolution[name] = name === "groups" ? 2 ** value : value;
    showGroups();
    showKernel();
    showConvolution();
  });
  convSliders[name] = input;
  byId("sliders").append(label);
}

// The slider counts the doublings; 1, 2 and 4 groups are what four maps can be cut into.
function showGroups() {
  convSliders.groups.previousSibling.textContent = `groups ${convolution.groups}`;
  convSliders.groups.setAttribute("aria-valuetext", convolution.groups);
}

byId("conv-output").addEventListener("keydown", (event) => {
  const move = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
  if (!move) return;
  event.preventDefault();
  convolution.row += move[0];
  convolution.column += move[1];
  showConvolution();
});

// Kernels to choose for the output map that is shown; its other input maps get zeros.
const PRESETS = {
  identity: (size) => square(size, (i, j) => Number(i === size >> 1 && j === size >> 1)),
  blur: (size) => square(size, () => 1 / size ** 2),
  "Sobel, left to right": () => [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
  "Sobel, top to bottom": () => [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
};
const square = (size, f) => [...Array(size).keys()].map((i) => [...Array(size).keys()].map((j) => f(i, j)));

function useKernel(name) {
  if (name.startsWith("Sobel")) {
    convolution.kernel = 3;
    convSliders.kernel.show(RANGES.kernel[1], 3);
  }
  const { kernel: size, map, groups } = convolution;
  for (let c = 0; c < MAPS / groups; c++) {
    const key = kernelKey(map, c, size);
    if (name === "pattern") chosenKernels.delete(key);
    else chosenKernels.set(key, c ? square(size, () => 0) : PRESETS[name](size));
  }
  showKernel();
  showConvolution();
}

// The numbers of the kernel between the output map that is shown and one of its input maps.
function showKernel() {
  const { kernel: size, map, groups } = convolution, inputs = MAPS / groups, first = Math.floor(map / inputs) * inputs;
  const select = byId("kernel-input"), c = Math.min(Math.max(select.selectedIndex, 0), inputs - 1);
  select.replaceChildren(...[...Array(inputs).keys()].map((k) => element("option", { textContent: first + k })));
  select.selectedIndex = c;
  byId("kernel-title").textContent = `Kernel of output map ${map}`;
  const frame = byId("kernel");
  frame.style.gridTemplateColumns = `repeat(${size}, max-content)`;
  frame.replaceChildren(...square(size, (i, j) => {
    const input = element("input", { type: "number", step: "any", value: briefly(weight(map, c, i, j)),
      ariaLabel: `row ${i}, column ${j}` });
    input.addEventListener("input", () => {
      const typed = input.value === "" ? NaN : Number(input.value);
      input.setAttribute("aria-invalid", !Number.isFinite(typed));
      if (!Number.isFinite(typed)) return;
      const rows = square(size, (a, b) => weight(map, c, a, b));
      rows[i][j] = typed;
      chosenKernels.set(kernelKey(map, c, size), rows);
      showConvolution();
    });
    return input;
  }).flat());
}

byId("kernel-input").addEventListener("change", showKernel);
byId("presets").append(...["pattern", ...Object.keys(PRESETS)].map((name) =>
  element("button", { textContent: name, onclick: () => useKernel(name) })));

showGroups();
showKernel();
listeners.push((change) => { if ("image" in change) showConvolution(); });
