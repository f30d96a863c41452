// Products of matrices, sums over axes, softmax, and what only moves numbers.

/** Of operators that only give the numbers another shape. @type {Operator} */
const viewOperator = { run: (_, [x]) => x.data, back: (_node, _x, _y, gy) => gy };

/**
 * y = alpha x w + beta b, w transposed if transB says so; x is a row.
 * @type {Operator}
 */
const gemmOperator = {
  run(node, [x, w, b]) {
    if (x.shape.length !== 2 || node.attributes.transA) throw new Error(`${node.operator}: x must be a row, got ${x.shape}`);
    const { alpha = 1, beta = 1, transB = 0 } = node.attributes, inputs = x.shape[1], outputs = node.shape[1];
    return filled(outputs, (o) => {
      let sum = 0;
      for (let k = 0; k < inputs; k++) sum += x.data[k] * w.data[transB ? o * inputs + k : k * outputs + o];
      return alpha * sum + (b ? beta * b.data[o % b.data.length] : 0);
    });
  },
  back(node, [x, w], _, gy) {
    const { alpha = 1, transB = 0 } = node.attributes, inputs = x.shape[1], outputs = node.shape[1];
    return filled(inputs, (k) => {
      let sum = 0;
      for (let o = 0; o < outputs; o++) sum += gy[o] * w.data[transB ? o * inputs + k : k * outputs + o];
      return alpha * sum;
    });
  },
};

/**
 * For each number of x, the place of the sum that it belongs to.
 * @param {GraphNode} node @param {Tensor[]} x
 */
function sumPlaces(node, [x, given]) {
  const rank = x.shape.length, axes = given ? [...given.data] : x.shape.map((_, k) => k);
  const summed = new Set(axes.map((axis) => (axis + rank) % rank));
  const places = new Int32Array(x.data.length);
  let step = 1, block = 1;
  for (let axis = rank - 1; axis >= 0; axis--) {
    if (!summed.has(axis)) {
      for (let k = 0; k < places.length; k++) places[k] += Math.floor(k / block) % x.shape[axis] * step;
      step *= x.shape[axis];
    }
    block *= x.shape[axis];
  }
  return places;
}

/**
 * A sum over axes, by default all; or their mean.
 * @param {boolean} mean
 * @returns {Operator}
 */
const reduction = (mean) => ({
  run(node, x) {
    const y = new Float64Array(sizeOf(node.shape)), share = mean ? y.length / x[0].data.length : 1;
    sumPlaces(node, x).forEach((place, k) => { y[place] += share * x[0].data[k]; });
    return Float32Array.from(y);
  },
  back(node, x, _, gy) {
    const share = mean ? gy.length / x[0].data.length : 1;
    const places = sumPlaces(node, x);
    return filled(places.length, (k) => share * gy[places[k]]);
  },
});

/** The mean of each map. @type {Operator} */
const globalAverageOperator = {
  run(node, [x]) {
    const pixels = x.data.length / sizeOf(node.shape);
    return filled(sizeOf(node.shape), (c) => {
      let sum = 0;
      for (let k = c * pixels; k < (c + 1) * pixels; k++) sum += x.data[k];
      return sum / pixels;
    });
  },
  back(node, [x], _, gy) {
    const pixels = x.data.length / gy.length;
    return x.data.map((_, k) => gy[Math.floor(k / pixels)] / pixels);
  },
};

/** The probabilities of logits, in double precision. @param {ArrayLike<number>} logits */
function softmaxOf(logits) {
  const numbers = Array.from(logits), most = Math.max(...numbers);
  const odds = numbers.map((v) => Math.exp(v - most)), sum = odds.reduce((a, b) => a + b, 0);
  return odds.map((v) => v / sum);
}

/**
 * An operator on the runs of numbers along an axis that must be the only long one from there on.
 * @param {(x: Float32Array) => ArrayLike<number>} run
 * @param {(y: Float32Array, gy: Float32Array) => ArrayLike<number>} back
 * @returns {Operator}
 */
function alongLast(run, back) {
  /** @param {GraphNode} node @param {(first: number, last: number) => ArrayLike<number>} part */
  const parts = (node, part) => {
    const rank = node.shape.length, axis = ((node.attributes.axis ?? -1) + rank) % rank;
    const size = node.shape[axis], all = sizeOf(node.shape), y = new Float32Array(all);
    if (sizeOf(node.shape.slice(axis)) !== size) throw new Error(`${node.operator}: the axis must be the last one, got ${axis}`);
    for (let k = 0; k < all; k += size) y.set(part(k, k + size), k);
    return y;
  };
  return {
    run: (node, [x]) => parts(node, (a, b) => run(x.data.subarray(a, b))),
    back: (node, _, y, gy) => parts(node, (a, b) => back(y.data.subarray(a, b), gy.subarray(a, b))),
  };
}

const softmaxOperator = alongLast(softmaxOf, (y, gy) => {
  const mean = y.reduce((sum, v, k) => sum + v * gy[k], 0);
  return y.map((v, k) => v * (gy[k] - mean));
});
const logSoftmaxOperator = alongLast(
  (x) => {
    const most = x.reduce((a, b) => Math.max(a, b)), sum = x.reduce((s, v) => s + Math.exp(v - most), 0);
    return x.map((v) => v - most - Math.log(sum));
  },
  (y, gy) => {
    const sum = gy.reduce((a, b) => a + b, 0);
    return gy.map((g, k) => g - Math.exp(y[k]) * sum);
  });

/** Call visit(place in the result, place in input k). @param {GraphNode} node @param {Tensor[]} x
 * @param {(to: number, from: number, k: number) => void} visit */
function eachJoined(node, x, visit) {
  const rank = node.shape.length, axis = (node.attributes.axis + rank) % rank;
  const inner = sizeOf(node.shape.slice(axis + 1)), whole = node.shape[axis] * inner;
  let start = 0;
  x.forEach((part, k) => {
    const size = part.shape[axis] * inner;
    part.data.forEach((_, at) => visit(Math.floor(at / size) * whole + start + at % size, at, k));
    start += size;
  });
}

/** @type {Operator} */
const concatOperator = {
  run(node, x) {
    const y = new Float32Array(sizeOf(node.shape));
    eachJoined(node, x, (to, from, k) => { y[to] = x[k].data[from]; });
    return y;
  },
  back(node, x, _, gy, which) {
    const gx = new Float32Array(x[which].data.length);
    eachJoined(node, x, (to, from, k) => { if (k === which) gx[from] = gy[to]; });
    return gx;
  },
};

/**
 * For each number of x, its place in the padded result; -1 if it is cut off.
 * @param {GraphNode} node @param {Tensor[]} x
 */
function padPlaces(node, [x, pads]) {
  if ((node.attributes.mode ?? "constant") !== "constant") throw new Error(`Pad: mode ${node.attributes.mode} is not known`);
  const places = new Int32Array(x.data.length);
  let step = 1, block = 1;
  for (let axis = x.shape.length - 1; axis >= 0; axis--) {
    for (let k = 0; k < places.length; k++) {
      const at = Math.floor(k / block) % x.shape[axis] + pads.data[axis];
      if (at < 0 || at >= node.shape[axis]) places[k] = -1;
      else if (places[k] >= 0) places[k] += at * step;
    }
    block *= x.shape[axis];
    step *= node.shape[axis];
  }
  return places;
}

/** @type {Operator} */
const padOperator = {
  run(node, x) {
    const y = new Float32Array(sizeOf(node.shape)).fill(x[2]?.data[0] ?? 0);
    padPlaces(node, x).forEach((place, k) => { if (place >= 0) y[place] = x[0].data[k]; });
    return y;
  },
  back(node, x, _, gy) {
    const places = padPlaces(node, x);
    return filled(places.length, (k) => places[k] < 0 ? 0 : gy[places[k]]);
  },
};
