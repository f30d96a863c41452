// Small pictures that a click enlarges, with a scale of their brightness and the number under the
// pointer.
const shownMap = { pictures: [], at: 0 };
const closeUp = byId("close-up"), largeMap = byId("close-up-map");
const number = (picture, level) => Number((picture.low + level / 255 * (picture.high - picture.low)).toPrecision(3));

function least(picture) {
  return [picture.bytes.reduce((a, b) => Math.min(a, b), 255), picture.bytes.reduce((a, b) => Math.max(a, b), 0)]
    .map((level) => number(picture, level));
}

// pictures: {name, bytes, width, height, low, high, colours}; low and high: what 0 and 255 stand for.
function thumbnails(pictures, width) {
  return pictures.map((picture, at) => {
    const canvas = element("canvas");
    paint(canvas, picture.bytes, picture.width, picture.height, picture.colours);
    canvas.style.width = `${width}rem`;
    const label = `${picture.name}, from ${least(picture).join(" to ")}: enlarge`;
    return element("button", { className: "map", ariaLabel: label, onclick: () => enlarge(pictures, at) }, canvas);
  });
}

function enlarge(pictures, at) {
  const picture = pictures[at], [low, high] = least(picture);
  Object.assign(shownMap, { pictures, at });
  paint(largeMap, picture.bytes, picture.width, picture.height, picture.colours);
  largeMap.style.aspectRatio = `${picture.width} / ${picture.height}`;
  largeMap.ariaLabel = picture.name;
  byId("close-up-title").textContent = picture.name;
  byId("close-up-range").textContent = `Least ${low}, largest ${high}; ${picture.height} x ${picture.width}.`;
  byId("close-up-low").textContent = picture.low;
  byId("close-up-high").textContent = picture.high;
  byId("close-up-here").textContent = "Point at a pixel to read its number.";
  byId("previous-map").disabled = at === 0;
  byId("next-map").disabled = at === pictures.length - 1;
  if (!closeUp.open) closeUp.showModal();
}

function another(step) {
  const at = shownMap.at + step;
  if (shownMap.pictures[at]) enlarge(shownMap.pictures, at);
}

function readPixel(event) {
  const picture = shownMap.pictures[shownMap.at], pixels = picture.width * picture.height;
  const column = Math.floor(event.offsetX / largeMap.clientWidth * picture.width);
  const row = Math.floor(event.offsetY / largeMap.clientHeight * picture.height);
  const at = row * picture.width + column;
  const numbers = [...Array(picture.colours ? 3 : 1).keys()].map((c) => picture.bytes[at + c * pixels]);
  if (numbers[0] === undefined) return;
  byId("close-up-here").textContent = `Row ${row}, column ${column}: ${numbers.map((level) => number(picture, level)).join(", ")}`;
}
largeMap.addEventListener("pointermove", readPixel);
largeMap.addEventListener("pointerdown", readPixel); // a finger does not hover
byId("previous-map").addEventListener("click", () => another(-1));
byId("next-map").addEventListener("click", () => another(1));
byId("close-map").addEventListener("click", () => closeUp.close());
closeUp.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step) another(step);
});
closeUp.addEventListener("click", (event) => { if (event.target === closeUp) closeUp.close(); });
