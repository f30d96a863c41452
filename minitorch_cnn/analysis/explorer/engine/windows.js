// Sliding windows: convolution and pooling of one image, forward and with respect to the input.

/**
 * @typedef {{channels: number, height: number, width: number, rows: number, columns: number,
 *   kernel: number[], stride: number[], dilation: number[], pads: number[]}} SlidingWindow
 */

/**
 * The window of a node: from maps of x to maps of its shape.
 * @param {GraphNode} node @param {number[]} x @param {number[]} kernel
 * @returns {SlidingWindow}
 */
function windowOf(node, x, kernel) {
  const { strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0] } = node.attributes;
  const [channels, height, width] = x.slice(1), [rows, columns] = node.shape.slice(2);
  return { channels, height, width, rows, columns, kernel, stride: strides, dilation: dilations, pads };
}

/**
 * Call visit(first, last, from) for each row of outputs that tap (i, j) of the window reads within
 * the image: outputs first to last - 1 of the map read x[from], x[from + stride], ...
 * @param {SlidingWindow} window @param {number} i @param {number} j
 * @param {(first: number, last: number, from: number) => void} visit
 */
function eachRow({ height, width, rows, columns, stride, dilation, pads }, i, j, visit) {
  const left = j * dilation[1] - pads[1], top = i * dilation[0] - pads[0];
  const low = Math.max(0, Math.ceil(-left / stride[1]));
  const high = Math.min(columns, Math.floor((width - 1 - left) / stride[1]) + 1);
  if (high <= low) return;
  for (let row = 0; row < rows; row++) {
    const h = row * stride[0] + top;
    if (h < 0 || h >= height) continue;
    visit(row * columns + low, row * columns + high, h * width + low * stride[1] + left);
  }
}

/**
 * The places in x of the numbers of an im2col matrix, (channels * taps, outputs) row by row, for
 * some channels from `first` on; -1 for the padding.
 * @param {SlidingWindow} window @param {number} first @param {number} count
 */
function columnPlaces(window, first, count) {
  const { height, width, rows, columns, kernel, stride } = window, outputs = rows * columns;
  const places = new Int32Array(count * kernel[0] * kernel[1] * outputs).fill(-1);
  let row = 0;
  for (let c = first; c < first + count; c++) {
    for (let i = 0; i < kernel[0]; i++) {
      for (let j = 0; j < kernel[1]; j++, row += outputs) {
        eachRow(window, i, j, (from, to, start) => {
          let place = c * height * width + start;
          for (let k = row + from; k < row + to; k++, place += stride[1]) places[k] = place;
        });
      }
    }
  }
  return places;
}

/**
 * For each group: make a matrix for the places of its im2col matrix, call visit(matrix, first weight,
 * first output, rows) for each output map, and end(places, matrix).
 * @param {GraphNode} node @param {Tensor} x @param {Tensor} w
 * @param {(places: Int32Array) => Float32Array} make
 * @param {(matrix: Float32Array, weight: number, output: number, rows: number) => void} visit
 * @param {(places: Int32Array, matrix: Float32Array) => void} end
 */
function eachMap(node, x, w, make, visit, end = () => {}) {
  const [outputs, inputs] = w.shape, groups = node.attributes.group ?? 1, each = outputs / groups;
  const window = windowOf(node, x.shape, w.shape.slice(2)), pixels = window.rows * window.columns;
  const rows = inputs * window.kernel[0] * window.kernel[1];
  for (let group = 0; group < groups; group++) {
    const places = columnPlaces(window, group * inputs, inputs), matrix = make(places);
    for (let o = group * each; o < (group + 1) * each; o++) visit(matrix, o * rows, o * pixels, rows);
    end(places, matrix);
  }
}

/** y = w times the im2col matrix of x, plus b. @type {Operator} */
const convOperator = {
  run(node, [x, w, b]) {
    const y = new Float32Array(sizeOf(node.shape)), pixels = sizeOf(node.shape.slice(2)), weights = w.data;
    const make = (/** @type {Int32Array} */ places) => filled(places.length, (k) => places[k] < 0 ? 0 : x.data[places[k]]);
    eachMap(node, x, w, make, (matrix, weight, output, rows) => {
      const map = y.subarray(output, output + pixels);
      if (b) map.fill(b.data[output / pixels]);
      for (let row = 0, at = 0; row < rows; row++, at += pixels) {
        const factor = weights[weight + row];
        for (let k = 0; k < pixels; k++) map[k] += factor * matrix[at + k];
      }
    });
    return y;
  },
  // The gradient of the matrix, w transposed times gy, added where its numbers came from.
  back(node, [x, w], _, gy) {
    const gx = new Float32Array(x.data.length), pixels = sizeOf(node.shape.slice(2)), weights = w.data;
    eachMap(node, x, w, (places) => new Float32Array(places.length), (matrix, weight, output, rows) => {
      const map = gy.subarray(output, output + pixels);
      for (let row = 0, at = 0; row < rows; row++, at += pixels) {
        const factor = weights[weight + row];
        for (let k = 0; k < pixels; k++) matrix[at + k] += factor * map[k];
      }
    }, (places, matrix) => {
      for (let k = 0; k < places.length; k++) if (places[k] >= 0) gx[places[k]] += matrix[k];
    });
    return gx;
  },
};

/**
 * The places of x behind each output of a max pooling; the first of equal ones.
 * @param {GraphNode} node @param {Tensor} x
 */
function maxima(node, x) {
  const window = windowOf(node, x.shape, node.attributes.kernel_shape);
  const { channels, height, width, rows, columns, kernel } = window, pixels = rows * columns;
  const places = new Int32Array(sizeOf(node.shape)).fill(-1);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < kernel[0]; i++) {
      for (let j = 0; j < kernel[1]; j++) {
        eachRow(window, i, j, (first, last, from) => {
          let place = c * height * width + from;
          for (let k = c * pixels + first; k < c * pixels + last; k++, place += window.stride[1]) {
            if (places[k] < 0 || x.data[place] > x.data[places[k]]) places[k] = place;
          }
        });
      }
    }
  }
  return places;
}

/** @type {Operator} */
const maxPoolOperator = {
  run(node, [x]) {
    const places = maxima(node, x);
    return filled(places.length, (k) => x.data[places[k]]);
  },
  back(node, [x], _, gy) {
    const gx = new Float32Array(x.data.length);
    maxima(node, x).forEach((place, k) => { gx[place] += gy[k]; });
    return gx;
  },
};

/**
 * 1 / what each output's sum is divided by: the pixels of its window, those of the padding too if
 * count_include_pad says so.
 * @param {GraphNode} node @param {SlidingWindow} window
 */
function shares(node, { height, width, rows, columns, kernel, stride, pads }) {
  const inclusive = Boolean(node.attributes.count_include_pad);
  /** @param {number} at @param {number} axis @param {number} size */
  const count = (at, axis, size) => {
    const start = at * stride[axis] - pads[axis];
    const [low, high] = inclusive ? [start, size + pads[axis + 2]] : [Math.max(start, 0), size];
    return Math.min(start + kernel[axis], high) - low;
  };
  return filled(rows * columns, (k) =>
    1 / (count(Math.floor(k / columns), 0, height) * count(k % columns, 1, width)));
}

/**
 * Call visit(output, input, share) for all that an average pooling adds up.
 * @param {GraphNode} node @param {Tensor} x
 * @param {(k: number, place: number, share: number) => void} visit
 */
function eachAverage(node, x, visit) {
  const window = windowOf(node, x.shape, node.attributes.kernel_shape), share = shares(node, window);
  const { channels, height, width, rows, columns, kernel } = window, pixels = rows * columns;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < kernel[0]; i++) {
      for (let j = 0; j < kernel[1]; j++) {
        eachRow(window, i, j, (first, last, from) => {
          let place = c * height * width + from;
          for (let k = first; k < last; k++, place += window.stride[1]) visit(c * pixels + k, place, share[k]);
        });
      }
    }
  }
}

/** @type {Operator} */
const averagePoolOperator = {
  run(node, [x]) {
    const y = new Float32Array(sizeOf(node.shape));
    eachAverage(node, x, (k, place, share) => { y[k] += share * x.data[place]; });
    return y;
  },
  back(node, [x], _, gy) {
    const gx = new Float32Array(x.data.length);
    eachAverage(node, x, (k, place, share) => { gx[place] += share * gy[k]; });
    return gx;
  },
};
