// Recorded gradients of two networks, step by step.
const race = { which: 0, frame: 0, timer: 0 };
const LOWEST = -6, HIGHEST = 2; // powers of ten that the charts span

const lastFrame = () => data.races[race.which].lanes[0].steps.length - 1;
const logShare = (norm) => norm > 0 ? (Math.log10(norm) - LOWEST) / (HIGHEST - LOWEST) : 0;

/** @returns {HTMLElement} */
function lane({ name, layers, norms, losses, steps }) {
  const now = norms[race.frame], ratio = now[0] / now[now.length - 2];
  const told = `Loss ${losses[race.frame]} in step ${steps[race.frame]}; the gradient of the first convolution is ` +
    `${ratio >= 0.1 ? `${Number(ratio.toPrecision(2))} times` : `1 / ${whole(Number((1 / ratio).toPrecision(2)))} of`} that of the last one.`;
  /** @type {[number, string][]} */
  const ticks = [-6, -4, -2, 0, 2].map((power) => [(power - LOWEST) / (HIGHEST - LOWEST), power ? `1e${power}` : "1"]);
  const chart = barChart({ values: now.map(logShare), names: layers.map((layer) => layer.replace("conv ", "").replace("linear", "fc")),
    ticks, label: `${name}, norm of the gradient by layer in step ${steps[race.frame]}: ${layers.map((l, k) => `${l} ${now[k]}`).join(", ")}`,
    marked: (k) => now[k] < 1e-3 });
  return element("div", {}, element("h3", { textContent: name }), element("p", { className: "hint", textContent: told }), chart);
}

function showRace() {
  const { lanes } = data.races[race.which];
  [...byId("race-choice").children].forEach((button, k) => button.setAttribute("aria-pressed", `${k === race.which}`));
  raceSlider.show(lastFrame(), race.frame);
  raceSlider.previousSibling.textContent = `step ${lanes[0].steps[race.frame]} of ${lanes[0].steps[lastFrame()]}`;
  raceSlider.setAttribute("aria-valuetext", `step ${lanes[0].steps[race.frame]}`);
  byId("lanes").replaceChildren(...lanes.map(lane));
}

function stopRace() {
  clearInterval(race.timer);
  race.timer = 0;
  byId("race-play").textContent = "Play";
}

function playRace() {
  if (race.timer) return stopRace();
  if (race.frame === lastFrame()) race.frame = 0;
  byId("race-play").textContent = "Pause";
  // Who asked for little motion gets a step a second.
  const pause = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 350;
  race.timer = setInterval(() => {
    race.frame += 1;
    showRace();
    if (race.frame === lastFrame()) stopRace();
  }, pause);
}

const [raceLabel, raceSlider] = slider("step", 0, lastFrame(), 0, (frame) => { stopRace(); race.frame = frame; showRace(); });
byId("race-step").append(raceLabel);
byId("race-choice").append(...data.races.map(({ name }, k) =>
  element("button", { textContent: name, onclick: () => { stopRace(); Object.assign(race, { which: k, frame: 0 }); showRace(); } })));
byId("race-play").addEventListener("click", playRace);
showRace();
