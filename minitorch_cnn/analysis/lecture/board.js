// The board to draw on: 32 x 32 pixels, of which each block of 4 x 4 becomes a count of 0 to 16, as
// the package's digits were made.
const BOARD = 32, BLOCK = 4, NIB = 1.7; // pixels; the pen's radius
const board = { pixels: new Float32Array(BOARD * BOARD), ink: 1, row: 16, column: 16, last: null };
const boardCanvas = byId("board");

// The counts of ink, 8 x 8, row by row.
function counts() {
  const side = BOARD / BLOCK, found = Array(side * side).fill(0);
  board.pixels.forEach((v, k) => {
    found[Math.floor(k / BOARD / BLOCK) * side + Math.floor(k % BOARD / BLOCK)] += v;
  });
  return found.map(Math.round);
}

function drawBoard() {
  paint(boardCanvas, board.pixels.map((v) => 255 * v), BOARD, BOARD);
  if (document.activeElement === boardCanvas) {
    const context = boardCanvas.getContext("2d");
    context.fillStyle = board.ink ? "#4aa3ff" : "#ff8f85";
    context.fillRect(board.column, board.row, 1, 1);
  }
  boardCanvas.ariaLabel = `The board, the pen in row ${board.row}, column ${board.column}; ` +
    `${Math.round(100 * board.pixels.reduce((a, b) => a + b, 0) / board.pixels.length)} % ink`;
}

// Ink, or paper, in a circle.
function inkDot(row, column) {
  board.pixels.forEach((_, k) => {
    const near = Math.hypot(Math.floor(k / BOARD) - row, k % BOARD - column) <= NIB;
    if (near) board.pixels[k] = board.ink;
  });
}

function stroke(to) {
  const from = board.last ?? to, steps = Math.ceil(2 * Math.hypot(to.row - from.row, to.column - from.column)) || 1;
  for (let k = 0; k <= steps; k++) {
    inkDot(from.row + (to.row - from.row) * k / steps, from.column + (to.column - from.column) * k / steps);
  }
  board.last = to;
  changed();
}

function placeOf(event) {
  const { left, top, width, height } = boardCanvas.getBoundingClientRect();
  return { row: (event.clientY - top) / height * BOARD - 0.5, column: (event.clientX - left) / width * BOARD - 0.5 };
}

// The picture as large as the frame, in its middle, as the digits that the networks learned.
function fillFrame() {
  const inked = [...board.pixels.keys()].filter((k) => board.pixels[k] > 0);
  if (!inked.length) return;
  const rows = inked.map((k) => Math.floor(k / BOARD)), columns = inked.map((k) => k % BOARD);
  const [top, left] = [Math.min(...rows), Math.min(...columns)];
  const [height, width] = [Math.max(...rows) - top + 1, Math.max(...columns) - left + 1];
  const scale = Math.max(height, width) / BOARD, old = board.pixels;
  board.pixels = old.map((_, k) => {
    const i = Math.floor((Math.floor(k / BOARD) + 0.5 - BOARD / 2) * scale + top + height / 2);
    const j = Math.floor((k % BOARD + 0.5 - BOARD / 2) * scale + left + width / 2);
    return i < top || j < left || i >= top + height || j >= left + width ? 0 : old[i * BOARD + j];
  });
  changed();
}

// A digit of 8 x 8 counts on the board.
function loadDigit(rows) {
  board.pixels = board.pixels.map((_, k) => rows[Math.floor(k / BOARD / BLOCK)][Math.floor(k % BOARD / BLOCK)] / 16);
  changed();
}

function setInk(ink) {
  board.ink = ink;
  byId("pen").setAttribute("aria-pressed", ink === 1);
  byId("eraser").setAttribute("aria-pressed", ink === 0);
  drawBoard();
}

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function typed(event) {
  const arrow = ARROWS[event.key];
  if (arrow && event.shiftKey) movePicture(...arrow);
  else if (arrow) {
    board.row = Math.min(Math.max(board.row + arrow[0], 0), BOARD - 1);
    board.column = Math.min(Math.max(board.column + arrow[1], 0), BOARD - 1);
    drawBoard();
  } else if (event.key === " ") {
    board.last = null;
    stroke({ row: board.row, column: board.column });
  } else if (event.key === "Delete" || event.key === "Backspace") clearBoard();
  else return;
  event.preventDefault();
}

function clearBoard() {
  board.pixels.fill(0);
  changed();
}

boardCanvas.addEventListener("pointerdown", (event) => {
  boardCanvas.setPointerCapture?.(event.pointerId);
  board.last = null;
  stroke(placeOf(event));
});
boardCanvas.addEventListener("pointermove", (event) => { if (event.buttons && board.last) stroke(placeOf(event)); });
boardCanvas.addEventListener("pointerup", () => { board.last = null; });
boardCanvas.addEventListener("keydown", typed);
boardCanvas.addEventListener("focus", drawBoard);
boardCanvas.addEventListener("blur", drawBoard);
byId("pen").addEventListener("click", () => setInk(1));
byId("eraser").addEventListener("click", () => setInk(0));
byId("clear").addEventListener("click", clearBoard);
byId("centre").addEventListener("click", fillFrame);
