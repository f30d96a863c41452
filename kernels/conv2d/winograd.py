"""3x3 convolution of stride 1 with a quarter of the multiplications: F(4x4, 3x3).

A tile of 4x4 outputs y reads a window d of 6x6 inputs. Its 16 sums of 9 products take 36 products,

    y  = A' [ (G w G') * (B' d B) ] A            * elementwise, ' transposed
    gw = G' [ (A gy A') * (B' d B) ] G           F(3x3, 4x4)

since both factors are polynomials at six points (0, 1, -1, 2, -2 and infinity): a product of
polynomials has for values the products of their values. At each of the 36 points i the sum over
channels, or for gw over tiles t, is a matrix product:

    M[i] = V[i] @ U[i]       [t,c][c,o] -> [t,o]          forward
    M[i] = Y[i]' @ V[i]      [o,t][t,c] -> [o,c]          weight gradient

The input gradient is the forward of gy with the kernel flipped. Channels lie side by side in all
transformed arrays, so that vectors are full however small the image.

The sums are not those of the definition in another order: relative to the largest result the error
in float32 is about 1e-5, where that of a direct sum is 1e-6. `use("numba")` sums directly.

Source: Lavin, Gray (2016), Fast Algorithms for Convolutional Neural Networks, section 4.
"""

from functools import lru_cache

import numpy as np

from ..jit import kernel
from ..register_tile import ROWS, VECTOR_BYTES, VECTORS, lanes_of, multiply_tile, transpose_tile
from ..threads import get_num_threads, parallel_for
from ..workspace import LIMIT, cut, scratch
from .sandwich import sandwich, transposed
from .tiled.grid import pieces
from .tiled.weight_sum import turn
from .tiled.weights import Matrix, pack, read_only

TILE, REACH, POINTS = 4, 6, 36
BLOCK = 2**20  # bytes of V in a block, about

# Points come in pairs p and -p: what is even in p is computed once, then the odd part is added or
# subtracted.
PAIRS = (
    (1, 0, 0, 0, 0, 0),
    (0, 1, 1, 0, 0, 0),
    (0, 1, -1, 0, 0, 0),
    (0, 0, 0, 1, 1, 0),
    (0, 0, 0, 1, -1, 0),
    (0, 0, 0, 0, 0, 1),
)
B_TRANSPOSED = (
    PAIRS,
    (
        (4, 0, -5, 0, 1, 0),
        (0, 0, -4, 0, 1, 0),
        (0, -4, 0, 1, 0, 0),
        (0, 0, -1, 0, 1, 0),
        (0, -2, 0, 2, 0, 0),
        (0, 4, 0, -5, 0, 1),
    ),
)
G = (
    PAIRS,
    (
        (1 / 4, 0, 0),
        (-1 / 6, 0, -1 / 6),
        (0, -1 / 6, 0),
        (1 / 24, 0, 1 / 6),
        (0, 1 / 12, 0),
        (0, 0, 1),
    ),
)
A_TRANSPOSED = (
    (
        (1, 1, 0, 1, 0, 0),
        (0, 0, 1, 0, 2, 0),
        (0, 1, 0, 4, 0, 0),
        (0, 0, 1, 0, 8, 1),
    ),
    PAIRS,
)
_transform_window = sandwich(B_TRANSPOSED)
_transform_weight = sandwich(G, rows_only=True)
_transform_sums = sandwich(A_TRANSPOSED)
_transform_tile = sandwich(transposed(A_TRANSPOSED))
_transform_weight_sums = sandwich(transposed(G))


def conv2d_forward(x, w, window, groups=1):
    """x (N, C, H, W), w (O, C, 3, 3) -> y (N, O, OH, OW)."""
    (top, _), (left, _) = window.padding
    y = np.empty((len(x), len(w), *window.output_size(*x.shape[2:])), x.dtype)
    _convolve(x, w, Matrix.forward(w.shape, 1), False, (top, left), y)
    return y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C, 3, 3) -> gx (N, C, H, W)."""
    (top, _), (left, _) = window.padding
    gx = np.empty((len(gy), w.shape[1], *input_size), gy.dtype)
    _convolve(gy, w, Matrix.backward(w.shape, 1), True, (2 - top, 2 - left), gx)
    return gx


def _convolve(x, w, matrix, flipped, before, y):
    """x (N, terms, H, W) -> y (N, rows, OH, OW), with so much padding above and at the left."""
    x, w = read_only(x), read_only(w).reshape(-1)
    _, _, OH, OW = y.shape
    C, lanes, threads = matrix.terms, VECTOR_BYTES // x.itemsize, get_num_threads()
    for first, wide, rows, blocks in _parts(y.shape, C, lanes, x.itemsize, threads):
        u = scratch("weights", (POINTS * (C * wide + lanes),), x.dtype)
        packs = cut(wide // ROWS, 8)

        def prepare(k, packs=packs, first=first, wide=wide, u=u):
            begin, end = packs[k].start, packs[k].stop
            packed = scratch("memory", (C * 9 * ROWS * (end - begin),), x.dtype)
            _weights(w, matrix, TAPS, first // ROWS, begin, end, flipped, packed, u, wide)

        parallel_for(prepare, len(packs))
        u = read_only(u)

        def fill(k, first=first, wide=wide, rows=rows, blocks=blocks, u=u):
            TW, CW = -(-OW // TILE), -(-C // lanes) * lanes
            tiles = -(-rows * TW // ROWS) * ROWS
            height, width = TILE * min(rows, -(-OH // TILE)) + 2, TILE * TW + 2
            _, _, o0, o1 = blocks[k]
            lines = (height * width + 2 * lanes) * lanes
            numbers = POINTS * (tiles * (CW + o1 - o0) + 2 * lanes), lines, TILE * TILE * TW * lanes
            memory = scratch("memory", (sum(numbers),), x.dtype)
            places = scratch("places", (2 * C,), np.int64)
            _fill(x, u, y, memory, places, (C, CW, tiles, wide, first, lines), before, blocks[k])

        parallel_for(fill, len(blocks))


TAPS = np.arange(9)
TILES = int(__import__("os").environ.get("TILES", 64))
MW = int(__import__("os").environ.get("MW", 96))


@lru_cache(maxsize=256)
def _parts(y_shape, C, lanes, itemsize, threads):
    """Parts of the rows of the weights, whose U is not too large for scratch memory.

    Each is (first row, rows rounded up to whole vectors, rows of tiles in a block, blocks).
    """
    N, R, OH, OW = y_shape
    TH, TW = -(-OH // TILE), -(-OW // TILE)
    most = LIMIT // (POINTS * C * itemsize * VECTORS * lanes)
    parts = []
    vectors = -(-R // lanes)
    for part in cut(vectors, max(most, 1) * VECTORS):
        wide = (part.stop - part.start) * lanes
        count = pieces(N * TH * TW * POINTS * C * wide, threads)
        rows = max(1, min(TILES // TW, -(-N * TH // count)))
        along = cut(N * TH, rows)
        rows = max((at.stop - at.start for at in along), default=1)
        panels = -(-wide // (VECTORS * lanes))
        across = max(-(-panels // max(MW // (VECTORS * lanes), 1)), -(-count // max(len(along), 1)))
        step = -(-panels // across) * VECTORS * lanes
        blocks = [
            (r.start, r.stop, o, min(o + step, wide)) for r in along for o in range(0, wide, step)
        ]
        parts.append((part.start * lanes, wide, rows, blocks))
    return parts


@kernel
def _weights(w, matrix, taps, strip0, first, last, flipped, packed, u, wide):
    """U (36, panels, C, panel): the weights of some strips of ROWS rows, transformed."""
    C, width = matrix[2], VECTORS * lanes_of(u)
    point = C * wide + lanes_of(u)
    valid = min(last, (matrix[1] + ROWS - 1) // ROWS - strip0)
    packed[:] = 0
    pack(w, matrix, taps, strip0 + first, strip0 + valid, packed)
    start, step = (8 * ROWS, -ROWS) if flipped else (0, ROWS)
    for strip in range(first, last):
        panel = strip * ROWS // width * width
        row = min(width, wide - panel)
        for c in range(C):
            at = ((strip - first) * C + c) * 9 * ROWS + start
            to = panel * C + c * row + strip * ROWS - panel
            _transform_weight(packed, at, 3 * step, step, u, to, REACH * point, point)


@kernel
def _windows(x, c0, c1, r0, r1, TH, TW, before, lines, v, v_row, v_point):
    """V (36, t, c): the windows of the rows r0 ... r1 - 1 of tiles, transformed."""
    top, left = before
    lanes, width = lanes_of(x), TILE * TW + 2
    for c in range(c0, c1, lanes):
        CC = min(lanes, c1 - c)
        r = r0
        while r < r1:
            n, i0 = r // TH, r % TH
            rows = min(TH - i0, r1 - r)
            turn(x, n, c, CC, TILE * i0 - top, TILE * rows + 2, left, width, lines)
            for i in range(rows):
                for j in range(TW):
                    at = TILE * (i * width + j) * CC
                    to = ((r - r0 + i) * TW + j) * v_row + c - c0
                    _transform_window(lines, at, width * CC, CC, v, to, REACH * v_point, v_point)
            r += rows


@kernel
def _fill(x, u, y, memory, places, sizes, before, block):
    """Some rows of tiles of some channels of y."""
    C, CW, tiles, wide, first, lines_size = sizes
    r0, r1, o0, o1 = block
    _, R, OH, OW = y.shape
    TH, TW, lanes = (OH + TILE - 1) // TILE, (OW + TILE - 1) // TILE, lanes_of(x)
    width, high = VECTORS * lanes, o1 - o0
    v_point, m_point, u_point = tiles * CW + lanes, tiles * high + lanes, C * wide + lanes
    v_size, m_size = POINTS * v_point, POINTS * m_point
    v, m = memory[:v_size], memory[v_size : v_size + m_size]
    lines = memory[v_size + m_size : v_size + m_size + lines_size]
    rows = memory[v_size + m_size + lines_size :]
    _windows(x, 0, C, r0, r1, TH, TW, before, lines, v, CW, v_point)
    last = wide - wide // width * width
    for c in range(C):
        places[c], places[C + c] = c * width, c * last
    for k in range(POINTS):
        for o in range(o0, o1, width):
            count = min(width, o1 - o)
            steps = places[:C] if count == width else places[C:]
            for t in range(0, (r1 - r0) * TW, ROWS):
                multiply_tile(
                    count // lanes,
                    v,
                    k * v_point + t * CW,
                    CW,
                    1,
                    u,
                    k * u_point + o * C,
                    steps,
                    C,
                    m,
                    k * m_point + t * high + o - o0,
                    high,
                    False,
                )
    for o in range(0, high, lanes):
        for r in range(r0, r1):
            n, i = r // TH, r % TH
            for j in range(TW):
                at, to = ((r - r0) * TW + j) * high + o, TILE * j * lanes
                _transform_sums(m, at, REACH * m_point, m_point, rows, to, TILE * TW * lanes, lanes)
            at = ((n * R + first + o0 + o) * OH + TILE * i) * OW
            for a in range(min(TILE, OH - TILE * i)):
                _turn_back(
                    rows, a * TILE * TW * lanes, OW, R - first - o0 - o, y, at + a * OW, OH * OW
                )


@kernel
def _turn_back(rows, start, count, channels, y, y_at, plane):
    """y[c, m] = rows[m, c]  for count m and a vector of channels, or as many as there are."""
    lanes, out = lanes_of(y), y.reshape(-1)
    done = 0
    if count >= ROWS and channels >= lanes:
        for m in range(0, count, ROWS):
            at = min(m, count - ROWS)
            transpose_tile(rows, start + at * lanes, lanes, out, y_at + at, plane)
        done = count
    for c in range(min(channels, lanes)):
        for m in range(done, count):
            out[y_at + c * plane + m] = rows[start + m * lanes + c]


DEPTH = 48  # tiles of a block of the weight gradient
STRIPS = 16
TERMS = 1024


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C, 3, 3)."""
    x, gy = read_only(x), read_only(gy)
    (N, O, OH, OW), C = gy.shape, x.shape[1]
    (top, _), (left, _) = window.padding
    gw = np.zeros((O, C, 3, 3), x.dtype)
    lanes = VECTOR_BYTES // x.itemsize
    TH, TW = -(-OH // TILE), -(-OW // TILE)
    rows = max((at.stop - at.start for at in cut(N * TH, DEPTH // TW)), default=1)
    blocks = [
        (o.start * ROWS, min(o.stop * ROWS, O), c.start * lanes, min(c.stop * lanes, C))
        for c in cut(-(-C // lanes), VECTORS)
        for o in cut(-(-O // ROWS), STRIPS)
    ]

    def fill(k):
        o0, o1, c0, c1 = blocks[k]
        wide, high = -(-(c1 - c0) // lanes) * lanes, -(-(o1 - o0) // lanes) * lanes
        lines = ((TILE * min(rows, TH) + 2) * (TILE * TW + 2) + 2 * lanes) * lanes
        numbers = POINTS * (rows * TW * (wide + high) + high * wide + 3 * lanes), lines, 9 * lanes
        memory = scratch("memory", (sum(numbers),), x.dtype)
        places = scratch("places", (rows * TW,), np.int64)
        _fill_weights(x, gy, gw, memory, places, (wide, high, rows), (top, left), blocks[k])

    parallel_for(fill, len(blocks))
    return gw


@kernel
def _cotangents(gy, o0, o1, r0, r1, TH, TW, lines, g, g_row, g_point):
    """Y (36, t, o): the tiles of the rows r0 ... r1 - 1 of tiles, transformed."""
    lanes, width = lanes_of(gy), TILE * TW
    for o in range(o0, o1, lanes):
        CC = min(lanes, o1 - o)
        r = r0
        while r < r1:
            n, i0 = r // TH, r % TH
            rows = min(TH - i0, r1 - r)
            turn(gy, n, o, CC, TILE * i0, TILE * rows, 0, width, lines)
            for i in range(rows):
                for j in range(TW):
                    at = TILE * (i * width + j) * CC
                    to = ((r - r0 + i) * TW + j) * g_row + o - o0
                    _transform_tile(lines, at, width * CC, CC, g, to, REACH * g_point, g_point)
            r += rows


@kernel
def _fill_weights(x, gy, gw, memory, places, sizes, before, block):
    """gw of some output and some input channels."""
    wide, high, most = sizes
    o0, o1, c0, c1 = block
    N, _, OH, OW = gy.shape
    C, lanes = x.shape[1], lanes_of(x)
    TH, TW = (OH + TILE - 1) // TILE, (OW + TILE - 1) // TILE
    tiles, width = most * TW, VECTORS * lanes
    v_point, g_point, m_point = tiles * wide + lanes, tiles * high + lanes, high * wide + lanes
    v_size, g_size, m_size = POINTS * v_point, POINTS * g_point, POINTS * m_point
    v, rest = memory[:v_size], memory[v_size:]
    g, rest = rest[:g_size], rest[g_size:]
    m, rest = rest[:m_size], rest[m_size:]
    lines, last = rest[: -9 * lanes], rest[-9 * lanes :]
    out = gw.reshape(-1)
    pending = 0
    for t in range(tiles):
        places[t] = t * wide
    for r0 in range(0, N * TH, most):
        r1 = min(r0 + most, N * TH)
        depth = (r1 - r0) * TW
        _windows(x, c0, c1, r0, r1, TH, TW, before, lines, v, wide, v_point)
        _cotangents(gy, o0, o1, r0, r1, TH, TW, lines, g, high, g_point)
        for k in range(POINTS):
            for o in range(0, o1 - o0, ROWS):
                for c in range(0, wide, width):
                    multiply_tile(
                        min(VECTORS, (wide - c) // lanes),
                        g,
                        k * g_point + o,
                        1,
                        high,
                        v,
                        k * v_point + c,
                        places,
                        depth,
                        m,
                        k * m_point + o * wide + c,
                        wide,
                        pending > 0,
                    )
        pending += depth
        if pending >= TERMS or r1 == N * TH:
            pending = 0
            for o in range(o1 - o0):
                for c in range(0, c1 - c0, lanes):
                    at = o * wide + c
                    _transform_weight_sums(
                        m, at, REACH * m_point, m_point, last, 0, 3 * lanes, lanes
                    )
                    to = ((o0 + o) * C + c0 + c) * 9
                    for q in range(min(lanes, c1 - c0 - c)):
                        for k in range(9):
                            out[to + q * 9 + k] += last[k * lanes + q]
