// What the graph shows of the boxes: a module is one item, a block, until it is opened.
const CALM = 60; // items that a page begins with at most, if it can be
const opened = new Set();
let items = [], itemOf = []; // all of them, and that of each box

function fold() {
  const blocks = new Map();
  items = [];
  itemOf = data.boxes.map((box, k) => {
    const block = box.blocks.find((name) => !opened.has(name));
    let item = blocks.get(block);
    if (!item) {
      item = { block, boxes: [], sources: new Set(), number: items.length };
      items.push(item);
      if (block) blocks.set(block, item);
    }
    item.boxes.push(k);
    return item;
  });
  data.boxes.forEach((box, k) => {
    for (const source of box.sources) {
      if (itemOf[source] !== itemOf[k]) itemOf[k].sources.add(itemOf[source].number);
    }
  });
  const places = layout(items.map((item) => [...item.sources]));
  items.forEach((item, k) => Object.assign(item, described(item), places[k]));
}

function described(item) {
  const inside = item.boxes.map((k) => data.boxes[k]);
  const box = inside[inside.length - 1];
  if (!item.block) return { name: box.name, type: box.type, role: box.role, told: box.kind === "image" ? times(box.output_shape) : box.type };
  const [name, type] = item.block.split(": ");
  return { name, type, role: "block", told: `${type}, ${inside.length} boxes` };
}

// The place of each item below its sources: analysis/explorer/layout.py in another language.
function layout(sources) {
  const rows = [], columns = sources.map(() => 0), members = [];
  sources.forEach((before, k) => {
    rows.push(Math.max(-1, ...before.map((s) => rows[s])) + 1);
    (members[rows[k]] ??= []).push(k);
  });
  for (const row of members) {
    const wishes = row.map((k) => sources[k].reduce((sum, s) => sum + columns[s], 0) / Math.max(sources[k].length, 1));
    const order = row.map((_, i) => i).sort((a, b) => wishes[a] - wishes[b] || row[a] - row[b]);
    const given = [];
    order.forEach((i, n) => given.push(n ? Math.max(wishes[i], given[n - 1] + 1) : wishes[i]));
    const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
    const excess = (sum(given) - sum(wishes)) / row.length;
    order.forEach((i, n) => { columns[row[i]] = given[n] - excess; });
  }
  return rows.map((row, k) => ({ column: columns[k], row }));
}

// Open all modules of one depth after another, while the graph stays calm.
function openSome() {
  const depth = Math.max(...data.boxes.map((box) => box.blocks.length));
  for (let level = 0; level < depth; level++) {
    const outer = new Set(data.boxes.map((box) => box.blocks[level]).filter((name) => name && !opened.has(name)));
    outer.forEach((name) => opened.add(name));
    fold();
    if (items.length <= CALM) continue;
    outer.forEach((name) => opened.delete(name));
    return;
  }
}
