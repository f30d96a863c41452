// The weights of the chosen layer: the kernels that read the image as pictures, and how all of them
// are spread.
function kernels(weight) {
  const { shape: [count, channels, height, width], low: [low], high: [high] } = weight.kernels;
  const bytes = levels(weight.kernels, 0), size = channels * height * width;
  const pictures = [...Array(count).keys()].map((k) => (
    { name: `kernel ${k}`, bytes: bytes.subarray(k * size, (k + 1) * size), width, height, low, high, colours: channels === 3 }));
  const of = channels === 3 ? ", in red, green and blue" : "";
  return [element("p", { className: "hint", textContent: `The first ${count} kernels${of}; black is ${low}, white is ${high}.` }),
    element("div", { className: "maps" }, ...thumbnails(pictures, 2.6))];
}

function histogram({ counts, low, high, name }) {
  const most = Math.max(...counts), size = { width: 240, height: 60 };
  const picture = svg("svg", { ...size, viewBox: `0 0 ${size.width} ${size.height}`, class: "histogram", role: "img",
    "aria-label": `How ${name} is spread from ${low} to ${high}` });
  const width = size.width / counts.length;
  counts.forEach((count, k) => {
    const height = size.height * count / most;
    svg("rect", { x: k * width + 0.5, y: size.height - height, width: width - 1, height }, picture);
  });
  return picture;
}

function showWeights() {
  const found = itemOf[chosen.box].block ? [] : data.boxes[chosen.box].weights ?? [];
  byId("weights-title").hidden = !found.length;
  byId("weights").replaceChildren(...found.map((weight) => {
    const range = weight.counts.length > 1 ? `${weight.low} to ${weight.high}, mean ${weight.mean}` : `all ${weight.mean}`;
    return element("figure", {}, element("figcaption", { textContent: `${weight.name}, ${times(weight.shape)}: ${range}` }),
      ...(weight.counts.length > 1 ? [histogram(weight)] : []), ...(weight.kernels ? kernels(weight) : []));
  }));
}

listeners.push((change) => { if ("box" in change) showWeights(); });
