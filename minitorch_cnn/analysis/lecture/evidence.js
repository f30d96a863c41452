// Where the evidence for a class is: activation maps, the input gradient, and a part hidden.
const patch = { row: 5, column: 6, size: 5 };

const targetClass = () => live.target ?? live.best;

function showEvidence() {
  const { size, evidence } = about(), network = networkOf(live.net), target = targetClass(), ink = pixelsOf(size);
  const seed = live.probabilities.map((_, k) => Number(k === target));
  const gradients = network.gradients(live.values, seed);
  const gradient = gradients.get(network.data.input);
  paintSigned(byId("input-gradient"), gradient, size, ink);
  byId("gradient-text").textContent = `What raises the output of ${target} by most: more ink where it is blue, less where it is orange.`;
  const maps = live.values.get(evidence.value), found = activationMap(maps, gradients.get(evidence.value));
  const side = maps.shape[2];
  paintSigned(byId("cam"), enlarged(evidence.exact ? found : found.map((v) => Math.max(v, 0)), side, size), size, ink);
  byId("cam-title").textContent = evidence.exact ? "Class activation map" : "Grad-CAM";
  byId("cam-text").textContent = evidence.exact
    ? `What each of ${side} x ${side} places adds to the output of ${target}, before the mean of each map.`
    : `Evidence for ${target} in the last maps, ${side} x ${side}; no global average follows them.`;
}

function showHidden() {
  const text = byId("patch-text");
  if (!live.patch) {
    text.textContent = "";
    return;
  }
  const whole = probabilities(live.net, answerOf(live.net, false)), target = live.target ?? whole.indexOf(Math.max(...whole));
  text.textContent = `Class ${target}: ${percent(whole[target])} of the whole picture, ` +
    `${percent(live.probabilities[target])} with the square hidden. The answer is ${live.best}.`;
}

// The square fits into the picture of the network that runs.
function setPatch() {
  const { size } = about();
  patch.size = Math.min(patch.size, size);
  for (const key of ["row", "column"]) patch[key] = Math.min(patch[key], size - patch.size);
  const limits = { row: size - patch.size, column: size - patch.size, size: size >> 1 };
  for (const [key, input] of Object.entries(patchSliders)) input.show(limits[key], patch[key]);
  live.patch = byId("patch-on").checked ? patch : null;
}

const patchSliders = {};
for (const key of ["row", "column", "size"]) {
  const [label, input] = slider(key, key === "size" ? 1 : 0, 16, patch[key], (value) => {
    patch[key] = value;
    byId("patch-on").checked = true;
    setPatch();
    changed();
  });
  patchSliders[key] = input;
  byId("patch-sliders").append(label);
}
byId("patch-on").addEventListener("change", () => { setPatch(); changed(); });
byId("target").append(element("option", { textContent: "the answer", value: "" }),
  ...[...Array(10).keys()].map((k) => element("option", { textContent: k, value: k })));
byId("target").addEventListener("change", (event) => {
  live.target = event.target.value === "" ? null : Number(event.target.value);
  showEvidence();
  showHidden();
});
followers.push(showEvidence, showHidden);
