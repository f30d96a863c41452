// A network that runs in the browser: its graph, its weights, its values, and their gradients.

/**
 * As analysis/explorer/live.py writes it. constants: small ones as numbers, others as the place of
 * their first number among the weights. weights: 16-bit numbers in base64.
 * @typedef {{nodes: GraphNode[], input: string, shape: number[], output: string, weights: string,
 *   constants: Object<string, {shape: number[], numbers?: number[], start?: number}>}} NetworkData
 */

/**
 * replaced: values that are computed in another way. constants: other names to read constants under.
 * @typedef {{replaced?: Map<string, (values: Map<string, Tensor>, node: GraphNode) => Float32Array>,
 *   constants?: Map<string, string>}} Changes
 */

/** @type {Object<string, Operator>} */
const OPERATORS = {
  ...POINTWISE,
  Conv: convOperator, MaxPool: maxPoolOperator, AveragePool: averagePoolOperator,
  GlobalAveragePool: globalAverageOperator, Gemm: gemmOperator, MatMul: gemmOperator,
  ReduceSum: reduction(false), ReduceMean: reduction(true), Softmax: softmaxOperator,
  LogSoftmax: logSoftmaxOperator, Concat: concatOperator, Pad: padOperator, Flatten: viewOperator,
  Reshape: viewOperator, Unsqueeze: viewOperator,
};

const ALL_INPUTS = new Set(["Add", "Sub", "Mul", "Div", "Concat"]); // others have a gradient for the first

class Network {
  /** @param {NetworkData} data */
  constructor(data) {
    const unknown = new Set(data.nodes.map((node) => node.operator).filter((name) => !(name in OPERATORS)));
    if (unknown.size) throw new Error(`the engine lacks the operator${unknown.size > 1 ? "s" : ""} ${[...unknown].join(", ")}`);
    this.data = data;
    const weights = halves(data.weights);
    /** @type {Map<string, Tensor>} */
    this.constants = new Map(Object.entries(data.constants).map(([name, { shape, numbers, start = 0 }]) =>
      [name, { shape, data: numbers ? Float32Array.from(numbers) : weights.subarray(start, start + sizeOf(shape)) }]));
    /** @type {Map<string, GraphNode>} */
    this.makers = new Map(data.nodes.map((node) => [node.name, node]));
    /** @type {Set<string>} */
    this.moving = new Set([data.input]); // values that depend on the image
    for (const node of data.nodes) if (node.inputs.some((name) => this.moving.has(name))) this.moving.add(node.name);
  }

  /**
   * All values for an image, by name.
   * @param {Float32Array} image @param {Changes} changes
   */
  run(image, changes = {}) {
    const values = new Map([[this.data.input, { shape: this.data.shape, data: image }]]);
    for (const node of this.data.nodes) {
      const other = changes.replaced?.get(node.name);
      const made = other ? other(values, node) : OPERATORS[node.operator].run(node, this.inputs(node, values, changes));
      values.set(node.name, { shape: node.shape, data: made });
    }
    return values;
  }

  /**
   * @param {GraphNode} node @param {Map<string, Tensor>} values @param {Changes} changes
   * @returns {Tensor[]}
   */
  inputs(node, values, changes = {}) {
    /** @param {string} name @returns {any} */
    const found = (name) => values.get(name) ?? this.constants.get(changes.constants?.get(name) ?? name);
    return node.inputs.map(found);
  }

  /**
   * The gradients of sum(seed * output) with respect to the values of an unchanged run, by name.
   * @param {Map<string, Tensor>} values @param {ArrayLike<number>} seed
   */
  gradients(values, seed) {
    /** @type {Map<string, Float32Array>} */
    const found = new Map([[this.data.output, Float32Array.from(seed)]]);
    for (const node of [...this.data.nodes].reverse()) {
      const gy = found.get(node.name), y = values.get(node.name);
      if (!gy || !y) continue;
      const x = this.inputs(node, values);
      node.inputs.forEach((name, k) => {
        if (!this.moving.has(name)) return;
        if (k && !ALL_INPUTS.has(node.operator)) throw new Error(`${node.operator}: weights that depend on the image are not known`);
        const gx = OPERATORS[node.operator].back(node, x, y, gy, k), before = found.get(name);
        found.set(name, before ? before.map((g, i) => g + gx[i]) : gx);
      });
    }
    return found;
  }

  /** @param {Map<string, Tensor>} values */
  output(values) {
    return /** @type {Tensor} */ (values.get(this.data.output)).data;
  }
}

/**
 * What each place of some maps adds to an output: sum over c of the mean gradient of map c times the
 * map, times the number of places. Behind global average pooling these are class activation maps.
 * @param {Tensor} maps @param {Float32Array} gradient
 */
function activationMap(maps, gradient) {
  const pixels = sizeOf(maps.shape.slice(2)), found = new Float32Array(pixels);
  for (let c = 0; c < maps.shape[1]; c++) {
    const weight = gradient.subarray(c * pixels, (c + 1) * pixels).reduce((a, b) => a + b, 0);
    for (let k = 0; k < pixels; k++) found[k] += weight * maps.data[c * pixels + k];
  }
  return found;
}
