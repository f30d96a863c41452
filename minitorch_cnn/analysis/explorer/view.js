// How the graph is looked at: its size on the screen, an overview of all of it, and a search.
const view = { scale: 1, width: 1, height: 1, fits: true };
const frame = byId("graph"), overview = byId("overview");

function showSize(size) {
  Object.assign(view, size);
  drawOverview();
  setScale(view.fits ? fittingScale() : view.scale);
}

function setScale(scale) {
  view.scale = Math.min(Math.max(scale, 0.1), 3);
  const picture = frame.firstChild;
  picture.setAttribute("viewBox", `0 0 ${view.width} ${view.height}`);
  picture.setAttribute("width", view.width * view.scale);
  picture.setAttribute("height", view.height * view.scale);
  showWindow();
}

// Larger or smaller, while the middle of what is seen stays where it is.
function zoom(factor) {
  const [x, y] = [frame.scrollLeft + frame.clientWidth / 2, frame.scrollTop + frame.clientHeight / 2];
  const before = view.scale;
  view.fits = false;
  setScale(before * factor);
  frame.scrollLeft = x * view.scale / before - frame.clientWidth / 2;
  frame.scrollTop = y * view.scale / before - frame.clientHeight / 2;
}

// As wide as the frame, but not so small that its words cannot be read.
const fittingScale = () => Math.min(Math.max(frame.clientWidth / view.width, 0.6), 1);

// From now on, until it is made larger or smaller.
function fit() {
  view.fits = true;
  setScale(fittingScale());
  bringIntoView(itemOf[chosen.box]);
}

function bringIntoView(item) {
  const [x, y] = [item.x * view.scale, item.y * view.scale];
  if (y < frame.scrollTop + 40 || y > frame.scrollTop + frame.clientHeight - 40) {
    frame.scrollTop = y - frame.clientHeight / 2;
  }
  const margin = BOX.width / 2 * view.scale;
  if (x - margin < frame.scrollLeft || x + margin > frame.scrollLeft + frame.clientWidth) {
    frame.scrollLeft = x - frame.clientWidth / 2;
  }
}

function drawOverview() {
  overview.setAttribute("viewBox", `0 0 ${view.width} ${view.height}`);
  overview.replaceChildren();
  for (const item of items) {
    item.mark = svg("rect", { ...BOX, class: item.role, x: item.x - BOX.width / 2, y: item.y - BOX.height / 2 }, overview);
  }
  view.window = svg("rect", { class: "window" }, overview);
  mark();
}

// The part that the frame shows; an overview of what can be seen whole would say nothing.
function showWindow() {
  const whole = view.width * view.scale <= frame.clientWidth + 1 && view.height * view.scale <= frame.clientHeight + 1;
  overview.style.visibility = whole ? "hidden" : "visible";
  const place = { x: frame.scrollLeft, y: frame.scrollTop, width: frame.clientWidth, height: frame.clientHeight };
  for (const [key, value] of Object.entries(place)) view.window.setAttribute(key, value / view.scale);
}

function lookAt(event) {
  if (event.type === "pointermove" && !event.buttons) return;
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(overview.getScreenCTM().inverse());
  frame.scrollLeft = point.x * view.scale - frame.clientWidth / 2;
  frame.scrollTop = point.y * view.scale - frame.clientHeight / 2;
}

// Boxes whose name or type holds the words that are looked for.
const wanted = () => byId("search").value.trim().toLowerCase();
const fits = (box) => `${box.name} ${box.type}`.toLowerCase().includes(wanted());

function mark() {
  const found = wanted() ? data.boxes.filter(fits).length : 0;
  for (const item of items) {
    const marked = found > 0 && item.boxes.some((k) => fits(data.boxes[k]));
    for (const part of [item.group, item.mark]) part.classList.toggle("found", marked);
  }
  byId("found").textContent = wanted() ? `${whole(found)} found${found ? "; Enter goes to the next" : ""}` : "";
}

function goToNext() {
  const order = data.boxes.map((_, i) => (chosen.box + 1 + i) % data.boxes.length);
  const next = wanted() ? order.find((k) => fits(data.boxes[k])) : undefined;
  if (next === undefined) return;
  data.boxes[next].blocks.forEach((name) => opened.add(name));
  redraw(next);
}

function openAll(open) {
  opened.clear();
  if (open) data.boxes.forEach((box) => box.blocks.forEach((name) => opened.add(name)));
  redraw(chosen.box);
}

frame.addEventListener("scroll", showWindow);
frame.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
}, { passive: false });
overview.addEventListener("pointerdown", lookAt);
overview.addEventListener("pointermove", lookAt);
addEventListener("resize", showWindow);
byId("search").addEventListener("input", mark);
byId("search").addEventListener("keydown", (event) => { if (event.key === "Enter") goToNext(); });
const tools = { larger: () => zoom(1.25), smaller: () => zoom(0.8), fit, "fold-all": () => openAll(false), "open-all": () => openAll(true) };
for (const [id, act] of Object.entries(tools)) byId(id).addEventListener("click", act);
byId("back").addEventListener("click", () => {
  byId("network").scrollIntoView();
  itemOf[chosen.box].group.focus({ preventScroll: true });
});
if (data.boxes.every((box) => !box.blocks.length)) byId("fold-all").hidden = byId("open-all").hidden = true;

openSome();
drawGraph();
fit();
