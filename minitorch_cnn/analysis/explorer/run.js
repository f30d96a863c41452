// The network computed anew, for the chosen image moved by pixels or with a square hidden.
const running = { network: null, images: null, down: 0, right: 0, square: { row: 0, column: 0, size: 0 }, values: null };
const CHANNELS = 16; // maps of a layer that are shown

// A number for each pixel of each channel; what moves in, and the square, is the channel's least.
function changedImage() {
  const { network, images, down, right, square } = running, [, channels, height, width] = network.data.shape;
  const pixels = height * width, size = channels * pixels, image = images.subarray(chosen.image * size, (chosen.image + 1) * size);
  const least = [...Array(channels).keys()].map((c) => image.subarray(c * pixels, (c + 1) * pixels).reduce((a, b) => Math.min(a, b)));
  return image.map((_, k) => {
    const c = Math.floor(k / pixels), row = Math.floor(k / width) % height, column = k % width;
    const inside = row >= square.row && row < square.row + square.size && column >= square.column && column < square.column + square.size;
    const i = row - down, j = column - right;
    return inside || i < 0 || j < 0 || i >= height || j >= width ? least[c] : image[c * pixels + i * width + j];
  });
}

const isChanged = () => running.down !== 0 || running.right !== 0 || running.square.size > 0;

function recompute() {
  const { network, square } = running;
  running.values = isChanged() ? network.run(changedImage()) : null;
  const [height, width] = network.data.shape.slice(2), sliders = squareSliders;
  square.row = Math.min(square.row, height - square.size);
  square.column = Math.min(square.column, width - square.size);
  sliders.row.show(height - square.size, square.row);
  sliders.column.show(width - square.size, square.column);
  byId("live-text").textContent = isChanged()
    ? `Computed in this browser: moved by ${running.down} down and ${running.right} to the right` +
      `${square.size ? `, a square of ${square.size} x ${square.size} hidden` : ""}.`
    : "The network runs in this browser: the maps and the answer below follow.";
}

function refresh() {
  recompute();
  showField();
  showMaps();
  showAnswer();
}

// The changed image as bytes, the mean of its channels; null if nothing is changed.
function livePicture() {
  if (!running.values) return null;
  const { shape: [, channels, height, width], data: numbers } = running.values.get(running.network.data.input);
  const [low, high] = [data.images.low[chosen.image], data.images.high[chosen.image]], pixels = height * width;
  return Uint8Array.from({ length: pixels }, (_, k) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += numbers[c * pixels + k] / channels;
    return Math.round(255 * Math.min(Math.max((sum - low) / (high - low || 1), 0), 1));
  });
}

function liveMaps(box) {
  const found = running.values?.get(box.value);
  if (!found) return null;
  const all = found.shape.slice(1), maps = all.length === 3;
  const shape = maps ? [Math.min(all[0], CHANNELS), ...all.slice(1)] : [sizeOf(all)];
  const numbers = found.data.subarray(0, sizeOf(shape));
  const [low, high] = [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))];
  const bytes = Uint8Array.from(numbers, (v) => Math.round(255 * (v - low) / (high - low || 1)));
  return { shape, bytes, low: Number(low.toPrecision(4)), high: Number(high.toPrecision(4)) };
}

// The five likeliest classes, as in data.answers.
function liveAnswer() {
  if (!running.values) return null;
  const shares = softmaxOf(running.network.output(running.values));
  return [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, 5).map((k) => [data.classes?.[k] ?? `${k}`, shares[k]]);
}

const squareSliders = {};
function startRunning() {
  running.network = new Network(data.live.network);
  running.images = halves(data.live.images);
  const side = Math.min(...data.live.network.shape.slice(2));
  for (const [key, most] of [["size", side >> 1], ["row", side], ["column", side]]) {
    const [label, input] = slider(key, 0, most, 0, (value) => { running.square[key] = value; refresh(); });
    squareSliders[key] = input;
    byId("square").append(label);
  }
  for (const button of document.querySelectorAll("[data-move]")) {
    const [down, right] = button.dataset.move.split(" ").map(Number);
    button.addEventListener("click", () => { running.down += down; running.right += right; refresh(); });
  }
  byId("unmove").addEventListener("click", () => {
    Object.assign(running, { down: 0, right: 0, square: { row: 0, column: 0, size: 0 } });
    squareSliders.size.show(side >> 1, 0);
    refresh();
  });
  recompute();
  // Before the maps are shown: what is changed is changed of the next image, too.
  listeners.unshift((change) => { if ("image" in change) recompute(); });
}

if (data.live.network) startRunning();
else {
  byId("live-tools").hidden = true;
  byId("live-text").textContent = `This network does not run in the page: ${data.live.lacks}.`;
}
