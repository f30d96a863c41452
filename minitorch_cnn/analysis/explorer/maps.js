// What the chosen layer makes of the chosen digit, and the part of the digit that one output sees.
function drawImages() {
  const [height, width] = data.images.shape;
  data.images.labels.forEach((name, k) => {
    const label = document.createElement("label"), input = document.createElement("input");
    const canvas = document.createElement("canvas");
    Object.assign(input, { type: "radio", name: "digit", checked: k === 0, ariaLabel: `${data.kind} ${name}` });
    input.addEventListener("change", () => choose({ image: k }));
    paint(canvas, levels(data.images, k), width, height);
    canvas.style.width = canvas.style.height = "2.2rem";
    label.append(input, canvas);
    byId("images").append(label);
  });
}

const position = { row: 0, column: 0 };
const positionSliders = ["row", "column"].map((name) => {
  const [label, input] = slider(name, 0, 0, 0, (value) => { position[name] = value; showField(); });
  byId("position").append(label);
  return input;
});

function centre() {
  const shape = data.boxes[chosen.box].output_shape;
  const [height, width] = shape.length === 3 ? shape.slice(1) : [1, 1];
  Object.assign(position, { row: height >> 1, column: width >> 1 });
  positionSliders[0].show(height - 1, position.row);
  positionSliders[1].show(width - 1, position.column);
}

function showField() {
  const box = data.boxes[chosen.box], [height, width] = data.images.shape;
  const scale = Math.max(1, Math.floor(448 / Math.max(height, width)));
  const canvas = byId("input"), small = document.createElement("canvas");
  paint(small, livePicture() ?? levels(data.images, chosen.image), width, height);
  canvas.width = width * scale;
  canvas.height = height * scale;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  const { size, jump, start } = box.field ?? { size: [1, 1], jump: [1, 1], start: [0, 0] };
  const at = [position.row, position.column].map((p, i) => start[i] + p * jump[i]);
  context.lineWidth = 5;
  const clip = (v, n) => Math.min(Math.max(v, 0), n);
  const [top, left] = [clip(at[0], height), clip(at[1], width)];
  const [bottom, right] = [clip(at[0] + size[0], height), clip(at[1] + size[1], width)];
  context.strokeStyle = "#ff5a4d";
  context.strokeRect(left * scale, top * scale, (right - left) * scale, (bottom - top) * scale);
  byId("field-text").textContent = `Output (${position.row}, ${position.column}) sees rows ` +
    `${Math.round(top)} to ${Math.round(bottom) - 1} and columns ${Math.round(left)} to ` +
    `${Math.round(right) - 1} of the ${height} x ${width} pixels.`;
}

function showMaps() {
  const box = data.boxes[chosen.box], frame = byId("maps");
  byId("maps-title").textContent = itemOf[chosen.box].block ? `What its last layer, ${box.name}, makes of it` : "What the layer makes of it";
  frame.replaceChildren();
  if (!box.maps) {
    byId("maps-text").textContent = box.kind === "image" ? "It is the image itself." : "It gives other shapes for these images.";
    return;
  }
  const found = liveMaps(box) ?? { bytes: levels(box.maps, chosen.image), shape: box.maps.shape,
    low: box.maps.low[chosen.image], high: box.maps.high[chosen.image] };
  const { bytes, shape, low, high } = found, maps = shape.length === 3;
  const [count, height, width] = maps ? shape : [1, 1, shape[0]];
  const size = maps ? box.output_shape.slice(1) : [];
  const averaged = size[0] > height || size[1] > width ? `, averaged to ${height} x ${width} pixels` : "";
  byId("maps-text").textContent = maps
    ? `${count} of ${box.output_shape[0]} maps${averaged}; black is ${low}, white is ${high}. Click one to enlarge it.`
    : `${width} numbers; black is ${low}, white is ${high}.`;
  const columns = maps ? width : Math.min(width, 40);
  const pictures = [...Array(count).keys()].map((k) => {
    const part = bytes.subarray(k * height * width, (k + 1) * height * width);
    const name = maps ? `${box.name}, map ${k}` : `${box.name}, the numbers, row by row`;
    return { name, bytes: part, width: columns, height: Math.ceil(part.length / columns), low, high };
  });
  frame.append(...thumbnails(pictures, maps ? 5.5 : columns * 0.7));
}

function showAnswer() {
  if (!data.answers) {
    const shape = data.boxes[data.boxes.length - 1].output_shape;
    const told = `${times(shape)} numbers, those of the last box${shape.length === 3 ? ": classes of pixels" : ""}`;
    byId("answer").replaceChildren(element("tr", {}, element("td", { textContent: told })));
    return;
  }
  const rows = (liveAnswer() ?? data.answers[chosen.image]).map(([name, share]) => {
    const row = document.createElement("tr"), bar = document.createElement("div");
    const cells = [name, share === null ? "NaN" : `${(100 * share).toFixed(1)} %`, bar].map((content) => {
      const cell = document.createElement("td");
      cell.append(content);
      return cell;
    });
    bar.className = "bar";
    bar.style.width = `${6 * share}rem`;
    row.append(...cells);
    return row;
  });
  byId("answer").replaceChildren(...rows);
}

drawImages();
listeners.push((change) => {
  if ("box" in change) centre();
  showField();
  showMaps();
  showAnswer();
});
