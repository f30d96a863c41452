// The maps of some layers for the picture, and by how much each changed since the picture before.
const SHOWN = 16; // maps of a layer

// ||y - y before|| / ||y before||; null for the first picture.
function relativeChange(value) {
  const before = live.before?.get(value)?.data, now = live.values.get(value).data;
  if (!before || before.length !== now.length) return null;
  const square = (numbers) => numbers.reduce((sum, v) => sum + v * v, 0);
  return Math.sqrt(square(now.map((v, k) => v - before[k])) / Math.max(square(before), 1e-12));
}

function layerRow({ name, type, value }) {
  const { shape, data: numbers } = live.values.get(value), maps = shape.length === 4 && shape[2] * shape[3] > 1;
  const low = numbers.reduce((a, b) => Math.min(a, b)), high = numbers.reduce((a, b) => Math.max(a, b));
  const bytes = Uint8Array.from(numbers, (v) => Math.round(255 * (v - low) / (high - low || 1)));
  const [height, width] = maps ? shape.slice(2) : [Math.ceil(numbers.length / 40), Math.min(numbers.length, 40)];
  const count = maps ? Math.min(shape[1], SHOWN) : 1, size = maps ? height * width : numbers.length;
  const pictures = [...Array(count).keys()].map((k) => ({
    name: maps ? `${name}, map ${k}` : `${name}, the numbers, row by row`, bytes: bytes.subarray(k * size, (k + 1) * size),
    width, height, low: Number(low.toPrecision(3)), high: Number(high.toPrecision(3)) }));
  const change = relativeChange(value);
  const told = `${type}, ${times(shape.slice(1))}${maps && shape[1] > count ? `, the first ${count} maps` : ""}` +
    (change === null ? "" : `; changed by ${(100 * change).toFixed(0)} %`);
  return element("div", { className: "row" }, element("h3", { textContent: `${name} ` }, element("small", { textContent: told })),
    element("div", { className: "maps" }, ...thumbnails(pictures, maps ? 4 : 0.7 * width)));
}

function showRows() {
  byId("rows").replaceChildren(...about().rows.map(layerRow));
  showOther();
}

function showOther() {
  const layer = about().layers[byId("other-layer").selectedIndex];
  byId("other-row").replaceChildren(...(layer ? [layerRow(layer)] : []));
}

// The layers of the network that runs now.
function listLayers() {
  const select = byId("other-layer");
  if (select.dataset.net === live.net) return;
  select.dataset.net = live.net;
  select.replaceChildren(...about().layers.map(({ name, type }) => element("option", { textContent: `${name}: ${type}` })));
}

byId("other-layer").addEventListener("change", showOther);
followers.push(listLayers, showRows);
