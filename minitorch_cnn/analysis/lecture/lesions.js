// Blocks switched off or swapped, in a plain and a residual network: the error, the answer to the
// picture, and the paths that are left.
const lesions = { residual: "resnet20", off: {}, swap: {}, timer: 0 };
for (const name of Object.keys(data.lesions)) Object.assign(lesions.off, { [name]: new Set() });

const errorOf = (table, count) => count === undefined ? null : count / table.images;

// The measured error of a network as it is set; null for a set of blocks that was not measured.
function lesionError(name) {
  const table = data.lesions[name], pair = lesions.swap[name];
  if (pair) return errorOf(table, table.swapped.find(([i, j]) => i === pair[0] && j === pair[1])[2]);
  const key = [...lesions.off[name]].reduce((sum, k) => sum + 2 ** k, 0);
  return errorOf(table, table.without[key]);
}

// The nearest pixels and the first channels of a block's input, in its output's shape.
function passedOn({ shape: [, channels, height, width], data: x }, [, outputs, rows, columns]) {
  return Float32Array.from({ length: outputs * rows * columns }, (_, k) => {
    const c = Math.floor(k / rows / columns), i = Math.floor(k / columns) % rows, j = k % columns;
    const from = Math.floor(i * height / rows) * width + Math.floor(j * width / columns);
    return c < channels ? x[c * height * width + from] : 0;
  });
}

// The same changes for the engine.
function lesionChanges(name) {
  const { blocks } = data.nets[name], replaced = new Map(), constants = new Map();
  for (const k of lesions.off[name]) {
    const { branch, input, output } = blocks[k];
    if (branch) replaced.set(branch, (_, node) => new Float32Array(sizeOf(node.shape)));
    else replaced.set(output, (values, node) => passedOn(values.get(input), node.shape));
  }
  const pair = lesions.swap[name];
  if (pair) {
    const [a, b] = pair.map((k) => `${blocks[k].name}.`);
    for (const constant of networkOf(name).constants.keys()) {
      for (const [from, to] of [[a, b], [b, a]]) {
        if (constant.startsWith(from)) constants.set(constant, to + constant.slice(from.length));
      }
    }
  }
  return { replaced, constants };
}

// C(n, k) for all k.
function pathLengths(n) {
  const found = [1];
  for (let k = 0; k < n; k++) found.push(found[k] * (n - k) / (k + 1));
  return found;
}

function pathChart(table, on) {
  const all = table.units.length, found = table.residual ? pathLengths(on) : [...Array(on).fill(0), 1];
  const sum = found.reduce((a, b) => a + b), most = Math.max(...found) / sum;
  const values = [...Array(all + 1).keys()].map((k) => (found[k] ?? 0) / sum / most);
  const text = sum === 1 ? `1 path, through ${on} block${on === 1 ? "" : "s"}.`
    : `${whole(sum)} paths, at least half of them through at most ${Math.floor(on / 2)} of ${on} blocks.`;
  return [element("h3", { textContent: "Paths by their number of blocks" }), element("p", { className: "hint", textContent: text }),
    barChart({ values, names: values.map((_, k) => `${k}`), ticks: [[0, "0 %"], [1, `${Math.round(100 * most)} %`]], label: text, height: 90 })];
}

function errorChart(name) {
  const table = data.lesions[name], off = lesions.off[name];
  const alone = table.units.map((_, k) => errorOf(table, table.without[2 ** k]));
  return barChart({ values: alone, names: table.units.map((_, k) => `${k + 1}`), ticks: [[0, "0 %"], [0.5, "50 %"], [1, "100 %"]],
    label: `Error without each block alone: ${alone.map((e, k) => `${table.units[k]} ${percent(e)}`).join(", ")}`,
    marked: (k) => off.has(k), line: errorOf(table, table.without[0]) });
}

function blockButtons(name) {
  const { units } = data.lesions[name];
  return element("div", { className: "blocks", role: "group", ariaLabel: "Blocks that are on" }, ...units.map((unit, k) => {
    const button = element("button", { textContent: k + 1, title: unit, ariaLabel: `block ${k + 1}, ${unit}`,
      onclick: () => toggleBlock(name, k) });
    button.setAttribute("aria-pressed", !lesions.off[name].has(k));
    button.dataset.block = `${name} ${k}`;
    return button;
  }));
}

// Of a deep network only some pairs were left out together: they are listed beside the swaps.
function measuredPairs(table) {
  const keys = Object.keys(table.without).map(Number), blocks = [...table.units.keys()];
  const pairs = keys.map((key) => blocks.filter((k) => Math.floor(key / 2 ** k) % 2)).filter((off) => off.length === 2);
  return keys.length < 2 ** table.units.length ? pairs : [];
}

function setChoice(name) {
  const table = data.lesions[name], swap = lesions.swap[name], off = [...lesions.off[name]].sort((a, b) => a - b);
  const options = (pairs, word) => pairs.map(([i, j]) =>
    element("option", { textContent: `blocks ${i + 1} and ${j + 1} ${word}`, value: `${word} ${i} ${j}` }));
  const groups = [["Two swapped", options(table.swapped, "swapped")], ["Two off", options(measuredPairs(table), "off")]];
  const select = element("select", { ariaLabel: "Two blocks swapped or off" }, element("option", { textContent: "two blocks at once", value: "" }),
    ...groups.filter(([, list]) => list.length).map(([label, list]) => element("optgroup", { label }, ...list)));
  select.value = swap ? `swapped ${swap.join(" ")}` : off.length === 2 ? `off ${off.join(" ")}` : "";
  if (select.selectedIndex < 0) select.value = "";
  select.dataset.block = `${name} set`;
  select.addEventListener("change", () => {
    const [word, ...pair] = select.value.split(" ");
    lesions.swap[name] = word === "swapped" ? pair.map(Number) : null;
    lesions.off[name] = new Set(word === "off" ? pair.map(Number) : []);
    showLesions();
  });
  return select;
}

function toggleBlock(name, k) {
  const off = lesions.off[name];
  if (!off.delete(k)) off.add(k);
  lesions.swap[name] = null;
  showLesions();
}

function liveAnswer(name) {
  if (!(name in data.nets)) return "";
  const shares = probabilities(name, answerOf(name, true, lesionChanges(name))), best = shares.indexOf(Math.max(...shares));
  return ` Your picture: ${best}, with ${percent(shares[best])}.`;
}

function lesionPanel(name) {
  const table = data.lesions[name], error = lesionError(name), intact = errorOf(table, table.without[0]);
  const told = error === null ? "not measured for these blocks" : `${percent(error)}`;
  const everything = element("button", { textContent: "All on", onclick: () => { lesions.off[name].clear(); lesions.swap[name] = null; showLesions(); } });
  everything.dataset.block = `${name} all`;
  return element("div", {}, element("h3", { textContent: table.title }),
    element("p", { className: "error", textContent: `Error: ${told} (whole network ${percent(intact)}).${liveAnswer(name)}` }),
    blockButtons(name), element("div", { className: "tools" }, setChoice(name), everything),
    element("h3", { textContent: "Error without each block alone" }), errorChart(name), ...pathChart(table, table.units.length - lesions.off[name].size));
}

function showLesions() {
  clearTimeout(lesions.timer);
  const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.block;
  [...byId("lesion-choice").children].forEach((button) => button.setAttribute("aria-pressed", `${button.dataset.net === lesions.residual}`));
  byId("lesion-nets").replaceChildren(...["plain20", lesions.residual].map(lesionPanel));
  if (focused) /** @type {HTMLElement | null} */ (document.querySelector(`[data-block="${focused}"]`))?.focus();
  const told = ["plain20", lesions.residual].map((name) => {
    const error = lesionError(name);
    return `${data.lesions[name].title} ${error === null ? "not measured" : percent(error)}`;
  });
  byId("lesion-text").textContent = `Error: ${told.join(", ")}.`;
}

byId("lesion-choice").append(...Object.entries(data.lesions).filter(([, table]) => table.residual).map(([name, { title }]) => {
  const button = element("button", { textContent: `plain-20 beside ${title}`, onclick: () => { lesions.residual = name; showLesions(); } });
  button.dataset.net = name;
  return button;
}));
// Two networks take too long to run for each point of a stroke: they follow when it pauses.
followers.push(() => {
  clearTimeout(lesions.timer);
  lesions.timer = setTimeout(showLesions, 250);
});
showLesions();
