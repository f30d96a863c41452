// What there is to say of the chosen layer or block: its costs, and which modules are around it.
function factsOf(item) {
  const inside = item.boxes.map((k) => data.boxes[k]), box = inside[inside.length - 1];
  const first = inside[0], layers = inside.filter((other) => other.kind === "layer");
  const facts = {
    Boxes: item.block && whole(inside.length),
    Settings: !item.block && box.settings,
    Input: first.input_shape.length && times(first.input_shape),
    Output: times(box.output_shape),
  };
  if (layers.length) {
    const memory = total(inside, "memory_bytes");
    Object.assign(facts, {
      Parameters: whole(total(inside, "parameters")),
      "Multiply-adds": whole(total(inside, "multiply_adds")),
      Memory: memory ? `${amount(memory)} of output${item.block ? "s" : ""}` : "writes over its input",
    });
  }
  facts["Receptive field"] = box.field ? `${times(box.field.size)} pixels, ${times(box.field.jump)} apart` : "the pixel itself";
  return facts;
}

function showFacts() {
  const item = itemOf[chosen.box];
  byId("layer-name").textContent = `${item.name}: ${item.type}`;
  byId("facts").replaceChildren(...Object.entries(factsOf(item)).filter(([, value]) => value).map(([key, value]) =>
    element("tr", {}, element("th", { scope: "row", textContent: key }), element("td", { textContent: value }))));
  const around = data.boxes[chosen.box].blocks.filter((name) => opened.has(name));
  const buttons = around.map((name) =>
    element("button", { textContent: `Fold ${name}`, onclick: () => foldBlock(name) }));
  if (item.block) buttons.push(element("button", { textContent: "Open this block", onclick: () => openBlock(item) }));
  byId("blocks").replaceChildren(...buttons);
}

listeners.push((change) => { if ("box" in change) showFacts(); });
byId("totals").textContent = `${whole(total(data.boxes, "parameters"))} parameters, ` +
  `${whole(total(data.boxes, "multiply_adds"))} multiply-adds and ` +
  `${(total(data.boxes, "memory_bytes") / 2 ** 20).toFixed(2)} MiB of outputs for an image of ` +
  `${times(data.boxes[0].output_shape)}`;
