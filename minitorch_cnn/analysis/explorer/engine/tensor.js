// Arrays of numbers with a shape, and how they come out of the page's text.

/**
 * Numbers in the order of the last axis first, as in NumPy.
 * @typedef {{shape: number[], data: Float32Array}} Tensor
 */

/**
 * One call of an operator. name: of its output; shape: of its output; inputs: names, "" for one that
 * is left out; attributes: ONNX's, those with their default may be missing.
 * @typedef {{operator: string, name: string, inputs: string[], shape: number[],
 *   attributes: Object<string, any>}} GraphNode
 */

/**
 * run: the output. back: the gradient of the loss with respect to input k, given that of the output.
 * @typedef {{run: (node: GraphNode, x: Tensor[]) => Float32Array,
 *   back: (node: GraphNode, x: Tensor[], y: Tensor, gy: Float32Array, k: number) => Float32Array}} Operator
 */

/** @param {number[]} shape */
const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/**
 * An array of f(0), f(1), ...; Float32Array.from, which goes through an iterator, takes ten times as
 * long.
 * @param {number} length @param {(k: number) => number} f
 */
function filled(length, f) {
  const found = new Float32Array(length);
  for (let k = 0; k < length; k++) found[k] = f(k);
  return found;
}

/**
 * The number that 16 bits stand for: a sign, 5 bits of exponent, 10 bits of fraction.
 * @param {number} bits
 */
function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * Numbers of 16 bits, low byte first, in base64.
 * @param {string} text
 */
function halves(text) {
  const bytes = atob(text), numbers = new Float32Array(bytes.length / 2);
  for (let k = 0; k < numbers.length; k++) {
    numbers[k] = fromHalf(bytes.charCodeAt(2 * k) | bytes.charCodeAt(2 * k + 1) << 8);
  }
  return numbers;
}

/**
 * For each number of a result of `shape`, the place in an array of another shape that is broadcast
 * to it.
 * @param {number[]} from @param {number[]} shape
 */
function broadcastPlaces(from, shape) {
  const places = new Int32Array(sizeOf(shape)), missing = shape.length - from.length;
  let step = 1, block = 1; // of `from` and of the result
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = axis < missing ? 1 : from[axis - missing];
    if (size > 1) {
      for (let k = 0; k < places.length; k++) places[k] += Math.floor(k / block) % shape[axis] * step;
      step *= size;
    }
    block *= shape[axis];
  }
  return places;
}
