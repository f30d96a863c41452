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
 * Call visit(o, c, tap) for each weight: output map, input map, place of the weight; with the tap's
 * row and column.
 * @param {GraphNode} node @param {number[]} weight
 * @param {(o: number, c: number, i: number, j: number, at: number) => void} visit
 */
function eachWeight(node, weight, visit) {
  const [outputs, inputs, height, width] = weight, each = outputs / (node.attributes.group ?? 1);
  let at = 0;
  for (let o = 0; o < outputs; o++) {
    const first = Math.floor(o / each) * inputs;
    for (let c = 0; c < inputs; c++) {
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < width; j++) visit(o, first + c, i, j, at++);
      }
    }
  }
}

/** @type {Operator} */
const convOperator = {
  run(node, [x, w, b]) {
    const window = windowOf(node, x.shape, w.shape.slice(2)), y = new Float32Array(sizeOf(node.shape));
    const { height, width, rows, columns, stride: [, step] } = window, pixels = rows * columns;
    if (b) y.forEach((_, k) => { y[k] = b.data[Math.floor(k / pixels)]; });
    eachWeight(node, w.shape, (o, c, i, j, at) => {
      const weight = w.data[at], to = o * pixels, source = c * height * width;
      if (weight === 0) return;
      eachRow(window, i, j, (first, last, from) => {
        let place = source + from;
        for (let k = to + first; k < to + last; k++, place += step) y[k] += weight * x.data[place];
      });
    });
    return y;
  },
  back(node, [x, w], _, gy) {
    const window = windowOf(node, x.shape, w.shape.slice(2)), gx = new Float32Array(x.data.length);
    const { height, width, rows, columns, stride: [, step] } = window, pixels = rows * columns;
    eachWeight(node, w.shape, (o, c, i, j, at) => {
      const weight = w.data[at], to = o * pixels, source = c * height * width;
      eachRow(window, i, j, (first, last, from) => {
        let place = source + from;
        for (let k = to + first; k < to + last; k++, place += step) gx[place] += weight * gy[k];
      });
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
  run: (node, [x]) => Float32Array.from(maxima(node, x), (place) => x.data[place]),
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
  return Float32Array.from({ length: rows * columns }, (_, k) =>
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
