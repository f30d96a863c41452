// The items as a graph from top to bottom, to click and to walk through.
const STEP = { x: 164, y: 62 };
const BOX = { width: 146, height: 38 };
const SIDE_ROOM = 70; // for arrows that go around boxes

function arrow(from, to) {
  const [x0, y0, x1, y1] = [from.x, from.y + BOX.height / 2, to.x, to.y - BOX.height / 2];
  const rows = to.row - from.row;
  if (rows === 1) return `M${x0} ${y0} C${x0} ${y0 + 14} ${x1} ${y1 - 14} ${x1} ${y1}`;
  const passes = items.some((item) => item.row > from.row && item.row < to.row &&
    Math.abs(item.column - from.column) < 0.9);
  if (!passes) {
    return `M${x0} ${y0} L${x0} ${y1 - 30} C${x0} ${y1} ${x1} ${y1 - 20} ${x1} ${y1}`;
  }
  // It would cross other boxes, so it goes around them on the right.
  const side = Math.max(x0, x1) + BOX.width / 2 + Math.min(12 + 4 * rows, 60);
  return `M${x0} ${y0} C${x0} ${y0 + 20} ${side} ${y0} ${side} ${y0 + 34} ` +
    `L${side} ${y1 - 34} C${side} ${y1} ${x1} ${y1 - 20} ${x1} ${y1}`;
}

function drawGraph() {
  fold();
  const columns = items.map((item) => item.column);
  const left = Math.min(...columns), right = Math.max(...columns);
  const rows = Math.max(...items.map((item) => item.row));
  const size = { width: (right - left) * STEP.x + BOX.width + 2 * SIDE_ROOM, height: rows * STEP.y + BOX.height + 20 };
  const picture = svg("svg", { role: "listbox", "aria-label": "Layers" });
  const arrows = svg("g", { "aria-hidden": "true" }, picture);
  for (const item of items) {
    item.x = (item.column - left) * STEP.x + BOX.width / 2 + SIDE_ROOM;
    item.y = item.row * STEP.y + BOX.height / 2 + 10;
    item.arrows = [];
  }
  for (const item of items) {
    for (const source of item.sources) {
      const path = svg("path", { d: arrow(items[source], item) }, arrows);
      item.arrows.push(path);
      items[source].arrows.push(path);
    }
    drawItem(item, picture);
    for (const k of item.boxes) data.boxes[k].group = item.group;
  }
  picture.addEventListener("keydown", walk);
  byId("graph").replaceChildren(picture);
  showSize(size);
}

function drawItem(item, picture) {
  const last = data.boxes[item.boxes[item.boxes.length - 1]];
  const label = `${item.name}, ${item.block ? `${item.told}, Enter opens it` : item.type}, output ${times(last.output_shape)}`;
  const group = svg("g", { role: "option", class: item.role, tabindex: -1, "aria-label": label,
    transform: `translate(${item.x - BOX.width / 2} ${item.y - BOX.height / 2})` }, picture);
  if (item.block) svg("rect", { ...BOX, x: 4, y: 4, rx: 6 }, group);
  svg("rect", { ...BOX, rx: 6 }, group);
  svg("text", { x: BOX.width / 2, y: 16, "text-anchor": "middle" }, group).textContent = shortened(item.name);
  svg("text", { x: BOX.width / 2, y: 31, "text-anchor": "middle", class: "shape" }, group)
    .textContent = shortened(item.told);
  group.addEventListener("click", () => item.block ? openBlock(item) : chooseAndShow(item.boxes[0]));
  item.group = group;
}

// On a narrow screen the layer is told below the graph.
function chooseAndShow(box) {
  choose({ box });
  const told = byId("layer");
  if (told.getBoundingClientRect().top > innerHeight / 2) told.scrollIntoView();
}

function openBlock(item) {
  opened.add(item.block);
  redraw(item.boxes[0]);
}

function foldBlock(name) {
  opened.delete(name);
  redraw(chosen.box);
}

// Draw anew, with a box chosen and, if the graph had it, the keyboard's focus on it.
function redraw(box) {
  const focused = byId("graph").contains(document.activeElement);
  drawGraph();
  choose({ box });
  if (focused) itemOf[box].group.focus();
}

function walk(event) {
  const here = itemOf[chosen.box], last = items.length - 1;
  const beside = items.filter((item) => item.row === here.row).sort((a, b) => a.column - b.column);
  const at = beside.indexOf(here), around = data.boxes[chosen.box].blocks.filter((name) => opened.has(name));
  const moves = {
    ArrowDown: () => items[Math.min(here.number + 1, last)], ArrowUp: () => items[Math.max(here.number - 1, 0)],
    ArrowRight: () => beside[at + 1], ArrowLeft: () => beside[at - 1],
    Home: () => items[0], End: () => items[last],
  };
  const acts = {
    Enter: () => here.block && openBlock(here), " ": () => here.block && openBlock(here),
    Backspace: () => around.length && foldBlock(around[around.length - 1]),
    "+": () => zoom(1.25), "-": () => zoom(0.8), 0: fit,
  };
  if (!(event.key in moves || event.key in acts) || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  acts[event.key]?.();
  const next = moves[event.key]?.();
  if (!next) return;
  choose({ box: next.boxes[next.boxes.length - 1] });
  next.group.focus();
}

listeners.push((change) => {
  if (!("box" in change)) return;
  const here = itemOf[chosen.box];
  for (const item of items) {
    item.group.setAttribute("aria-selected", item === here);
    item.group.setAttribute("tabindex", item === here ? 0 : -1);
    for (const path of item.arrows) path.classList.remove("near");
  }
  for (const path of here.arrows) path.classList.add("near");
  bringIntoView(here);
});
