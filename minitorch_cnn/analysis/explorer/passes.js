// The operators before and after a pass of the compiler, those of one output beside each other.
function operatorCell(line, mark) {
  if (!line) return element("td", { className: "none" });
  const chip = element(mark === "gone" ? "s" : "span", { className: `operator ${line.role}`, textContent: line.operator });
  return element("td", { className: mark, title: line.name }, chip, " ", element("small", { textContent: shortened(line.name) }));
}

// A row for each output of either stage, in the order in which they are made.
function paired(before, after) {
  const left = new Set(before.map((line) => line.output)), later = new Map();
  let last = null;
  for (const line of after) {
    if (left.has(line.output)) last = line.output;
    else later.set(last, [...later.get(last) ?? [], line]);
  }
  const right = new Map(after.map((line) => [line.output, line]));
  const added = (output) => (later.get(output) ?? []).map((line) => [null, line]);
  return [...added(null), ...before.flatMap((line) => [[line, right.get(line.output)], ...added(line.output)])];
}

function showPass(number) {
  const before = data.passes[number - 1], after = data.passes[number];
  [...byId("passes").children].forEach((button, k) => button.setAttribute("aria-pressed", `${k + 1 === number}`));
  const told = (stage) => `${whole(stage.lines.length)} operators that read and write ${amount(stage.bytes)} for an image`;
  byId("pass-text").textContent = `Before: ${told(before)}. After: ${told(after)}.`;
  const head = element("tr", {}, ...["Before", "After", "Output"].map((text) => element("th", { scope: "col", textContent: text })));
  const rows = paired(before.lines, after.lines).map(([old, now]) => {
    const changed = !old || !now || old.operator !== now.operator;
    return element("tr", {}, operatorCell(old, changed ? "gone" : ""), operatorCell(now, changed ? "took" : ""),
      element("td", { className: "shape", textContent: times((now ?? old).shape) }));
  });
  byId("pass").replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
}

byId("passes").append(...data.passes.slice(1).map((stage, k) =>
  element("button", { textContent: stage.name, onclick: () => showPass(k + 1) })));
const useful = data.passes.findIndex((stage, k) => k && stage.lines.length < data.passes[k - 1].lines.length);
showPass(Math.max(useful, 1)); // the first that has something to do
