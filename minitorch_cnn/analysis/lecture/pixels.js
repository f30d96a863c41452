// From counts of ink, 8 x 8, to the image that a network takes.

/**
 * Rows of numbers, enlarged bilinearly to n x n: data/transforms/resize.py in another language.
 * @param {ArrayLike<number>} numbers @param {number} side @param {number} n
 */
function enlarged(numbers, side, n) {
  const shares = [...Array(n).keys()].map((o) => {
    const middle = (o + 0.5) * side / n;
    const near = [...Array(side).keys()].map((i) => Math.max(1 - Math.abs(i + 0.5 - middle), 0));
    const sum = near.reduce((a, b) => a + b, 0);
    return near.map((share, i) => ({ i, share: share / sum })).filter(({ share }) => share > 0);
  });
  return Float32Array.from({ length: n * n }, (_, k) => {
    let sum = 0;
    for (const row of shares[Math.floor(k / n)]) {
      for (const column of shares[k % n]) sum += row.share * column.share * numbers[row.i * side + column.i];
    }
    return sum;
  });
}

/**
 * Numbers n x n moved down and to the right, with zeros behind them.
 * @param {Float32Array} numbers @param {number} n @param {number} down @param {number} right
 */
function moved(numbers, n, down, right) {
  return numbers.map((_, k) => {
    const i = Math.floor(k / n) - down, j = k % n - right;
    return i < 0 || j < 0 || i >= n || j >= n ? 0 : numbers[i * n + j];
  });
}

/**
 * Numbers n x n with a square of zeros.
 * @param {Float32Array} numbers @param {number} n @param {{row: number, column: number, size: number}} patch
 */
function hidden(numbers, n, { row, column, size }) {
  const inside = (at, first) => at >= first && at < first + size;
  return numbers.map((v, k) => inside(Math.floor(k / n), row) && inside(k % n, column) ? 0 : v);
}

// Blue for what is positive, orange for what is negative, white for zero; ink shines through as grey.
function paintSigned(canvas, numbers, n, ink) {
  canvas.width = canvas.height = n;
  const context = canvas.getContext("2d"), picture = context.createImageData(n, n);
  const most = numbers.reduce((a, v) => Math.max(a, Math.abs(v)), 1e-12);
  numbers.forEach((v, k) => {
    const share = Math.abs(v) / most, full = v > 0 ? [11, 95, 174] : [224, 122, 0];
    const grey = 1 - 0.45 * ink[k];
    picture.data.set([...full.map((c) => grey * (255 + share * (c - 255))), 255], 4 * k);
  });
  context.putImageData(picture, 0, 0);
}
