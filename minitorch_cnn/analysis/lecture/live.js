// The network that runs: for which picture, and what came out. Panels ask to be told of each run.
const live = { net: Object.keys(data.nets)[0], down: 0, right: 0, patch: null, target: null,
  values: null, before: null, waiting: false };
const networks = new Map();
const followers = []; // functions called after each run

const about = () => data.nets[live.net];

function networkOf(name) {
  if (!networks.has(name)) networks.set(name, new Network(data.nets[name].network));
  return networks.get(name);
}

// Pixels from 0 to 1 as a network of a size sees them, moved by its pixels, with or without the patch.
function pixelsOf(size, patched = true) {
  const whole = moved(enlarged(counts().map((count) => count / 16), BOARD / BLOCK, size), size, live.down, live.right);
  return patched && live.patch ? hidden(whole, size, live.patch) : whole;
}

// What a network answers to the picture: its values, by name.
function answerOf(name, patched = true, changes = {}) {
  const { size, scale, shift } = data.nets[name];
  return networkOf(name).run(pixelsOf(size, patched).map((v) => scale * v + shift), changes);
}

// The probabilities of the classes.
const probabilities = (name, values) => softmaxOf(networkOf(name).output(values));

function compute() {
  live.waiting = false;
  const values = answerOf(live.net), image = networkOf(live.net).data.input;
  const same = live.values?.get(image).data.every((v, k) => v === values.get(image).data[k]);
  if (!same) live.before = live.values;
  live.values = values;
  live.probabilities = probabilities(live.net, live.values);
  live.best = live.probabilities.indexOf(Math.max(...live.probabilities));
  for (const follower of followers) follower();
}

// Something about the picture or the network is another; many changes in a row cost one run.
function changed() {
  drawBoard();
  if (live.waiting) return;
  live.waiting = true;
  requestAnimationFrame(compute);
}

function movePicture(down, right) {
  live.down += down;
  live.right += right;
  changed();
}

function useNetwork(name) {
  Object.assign(live, { net: name, values: null, down: 0, right: 0 });
  changed();
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function showSeen() {
  const { size } = about(), canvas = byId("seen"), small = element("canvas"), scale = 512 / size;
  paint(small, pixelsOf(size).map((v) => 255 * v), size, size);
  canvas.width = canvas.height = 512;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, 512, 512);
  if (live.patch) {
    const { row, column, size: side } = live.patch;
    context.strokeStyle = "#ff5a4d";
    context.lineWidth = 5;
    context.strokeRect(column * scale, row * scale, side * scale, side * scale);
  }
  byId("seen-text").textContent = `${size} x ${size} pixels` +
    (live.down || live.right ? `, moved by ${live.down} down and ${live.right} to the right.` : ".");
}

function showAnswers() {
  byId("answer-text").textContent = `${about().title}: ${live.best}, with ${percent(live.probabilities[live.best])}.`;
  byId("answers").replaceChildren(...live.probabilities.map((share, k) => {
    const bar = element("div", { className: "bar" });
    bar.style.width = `${100 * share}%`;
    return element("tr", { className: k === live.best ? "winner" : "" },
      element("th", { scope: "row", textContent: k }), element("td", { textContent: percent(share) }), element("td", {}, bar));
  }));
}

function drawChoices() {
  Object.entries(data.nets).forEach(([name, { title, error }]) => {
    const input = element("input", { type: "radio", name: "net", checked: name === live.net });
    input.addEventListener("change", () => useNetwork(name));
    byId("nets").append(element("label", {}, input, element("span", { textContent: `${title} (error ${percent(error)})` })));
  });
  data.samples.forEach((rows, digit) => {
    const canvas = element("canvas");
    paint(canvas, rows.flat().map((count) => 255 * count / 16), 8, 8);
    byId("samples").append(element("button", { ariaLabel: `Test digit ${digit}`, onclick: () => loadDigit(rows) }, canvas));
  });
}

for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-move]"))) {
  button.addEventListener("click", () => movePicture(...button.dataset.move.split(" ").map(Number)));
}
byId("unmove").addEventListener("click", () => movePicture(-live.down, -live.right));
drawChoices();
followers.push(showSeen, showAnswers);
// The convolution to play with reads the picture, too.
followers.push(() => {
  const flat = counts(), side = BOARD / BLOCK;
  data.digits[0] = [...Array(side).keys()].map((row) => flat.slice(row * side, (row + 1) * side));
  showConvolution();
});
