// Operators on each number: activations, sums and products with broadcasting, batch norm.

/**
 * An operator y = f(x), with the slope f' from x and y.
 * @param {(x: number, node: GraphNode, x_all: Tensor[]) => number} f
 * @param {(x: number, y: number, node: GraphNode, x_all: Tensor[]) => number} slope
 * @returns {Operator}
 */
const pointwise = (f, slope) => ({
  run: (node, x) => x[0].data.map((v) => f(v, node, x)),
  back: (node, x, y, gy) => gy.map((g, k) => g * slope(x[0].data[k], y.data[k], node, x)),
});

/**
 * An operator y = f(a, b) with broadcasting, with its slopes with respect to a and b.
 * @param {(a: number, b: number) => number} f
 * @param {((a: number, b: number) => number)[]} slopes
 * @returns {Operator}
 */
const binary = (f, slopes) => ({
  run(node, [a, b]) {
    const [i, j] = [a, b].map((x) => broadcastPlaces(x.shape, node.shape));
    return filled(i.length, (k) => f(a.data[i[k]], b.data[j[k]]));
  },
  back(node, [a, b], _, gy, which) {
    const places = [a, b].map((x) => broadcastPlaces(x.shape, node.shape));
    const gx = new Float32Array([a, b][which].data.length), [i, j] = places;
    gy.forEach((g, k) => { gx[places[which][k]] += g * slopes[which](a.data[i[k]], b.data[j[k]]); });
    return gx;
  },
});

/** The bounds of a Clip. @param {Tensor[]} x */
const bounds = (x) => [x[1]?.data[0] ?? -Infinity, x[2]?.data[0] ?? Infinity];
/** @param {number} x */
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** What a batch norm multiplies each channel by. @param {GraphNode} node @param {Tensor} weight @param {Tensor} variance */
const normFactors = (node, weight, variance) =>
  variance.data.map((v, c) => weight.data[c] / Math.sqrt(v + (node.attributes.epsilon ?? 1e-5)));

/** In evaluation: y = (x - mean) * factor + bias, one of each for a channel. @type {Operator} */
const batchNormOperator = {
  run(node, [x, weight, bias, mean, variance]) {
    const pixels = sizeOf(x.shape.slice(2)), factors = normFactors(node, weight, variance);
    return x.data.map((v, k) => {
      const c = Math.floor(k / pixels) % x.shape[1];
      return (v - mean.data[c]) * factors[c] + bias.data[c];
    });
  },
  back(node, [x, weight, , , variance], _, gy) {
    const pixels = sizeOf(x.shape.slice(2)), factors = normFactors(node, weight, variance);
    return gy.map((g, k) => g * factors[Math.floor(k / pixels) % x.shape[1]]);
  },
};

/** @type {Object<string, Operator>} */
const POINTWISE = {
  Relu: pointwise((x) => Math.max(x, 0), (x) => Number(x > 0)),
  LeakyRelu: pointwise((x, node) => x > 0 ? x : x * (node.attributes.alpha ?? 0.01),
    (x, _, node) => x > 0 ? 1 : node.attributes.alpha ?? 0.01),
  Clip: pointwise((x, _, all) => Math.min(Math.max(x, bounds(all)[0]), bounds(all)[1]),
    (x, _, node, all) => Number(x > bounds(all)[0] && x < bounds(all)[1])),
  Tanh: pointwise(Math.tanh, (_, y) => 1 - y * y),
  Sigmoid: pointwise(sigmoid, (_, y) => y * (1 - y)),
  Neg: pointwise((x) => -x, () => -1),
  Add: binary((a, b) => a + b, [() => 1, () => 1]),
  Sub: binary((a, b) => a - b, [() => 1, () => -1]),
  Mul: binary((a, b) => a * b, [(_, b) => b, (a) => a]),
  Div: binary((a, b) => a / b, [(_, b) => 1 / b, (a, b) => -a / (b * b)]),
  BatchNormalization: batchNormOperator,
};
