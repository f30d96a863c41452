"""Winograd's 3x3 convolution of stride 1 in the channel-blocked layout, with its epilogue.

    y = clamp(bias + w * x + residual, low, high)

A tile of m x m outputs takes (m + 2)^2 products for each pair of channels instead of 9 m^2; see
kernels/conv2d/winograd. A vector holds the channels of a block, so that windows are transformed
where they are. The products of a block of tiles at one point are a convolution of one tap, whose
pixels are the tiles. The last tiles of a row or column begin early enough to end with it, and store
only what no tile before them does: a result never depends on how the work is cut.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ..conv2d.transforms import G, transform_sums, transform_window
from ..jit import kernel
from ..matmul import one_blas_thread
from ..micro_kernel import lanes_of
from ..thread_pool import shared
from ..threads import parallel_for
from ..window import Window
from .calls import Call, recorded
from .convolve import MACS_PER_ELEMENT, _run, runs_from
from .layout import Layout, lanes
from .tile import RUNS, Form, tile_pair, tile_single

TILES = (4, 2)
MOST = 4 * RUNS[0]  # tiles of a block
FEWEST = 2 * RUNS[1]  # of a block that is cut for the sake of several threads
ITEMS = 4  # of work that a call should have
LEAST = 8  # blocks of output channels of an item: for fewer, windows are transformed too often
# In multiply-adds: the transforms of an element of a window or of a product; reading a weight.
TRANSFORM, READ = 14, 6


class Sizes(NamedTuple):
    """The sizes of a call, in tiles, blocks of channels and elements."""

    tile: int
    down: int  # tiles of a column and of a row
    across: int
    inputs: int  # blocks of channels
    outputs: int
    block: int  # tiles of a block, as memory is laid out
    window: int  # elements of the windows of a block at one point
    product: int  # the same of their products
    memory: int  # of one thread


def can_multiply(window: Window, groups: int, x: Layout, y: Layout) -> bool:
    """Whether a convolution has Winograd's form, and its output a whole tile."""
    plain = window.kernel == (3, 3) and window.stride == window.dilation == (1, 1)
    return plain and groups == 1 and x.width == y.width and min(y.shape[2:]) >= TILES[-1]


def best_tile(window: Window, groups: int, x: Layout, y: Layout, threads: int) -> int:
    """The size of a tile that is faster than sums of nine products; 0 if there is none."""
    if not can_multiply(window, groups, x, y):
        return 0
    N, O, OH, OW = y.shape
    C = x.shape[1]
    direct = 9 * (N * OH * OW + READ) * C * O

    def time(tile: int) -> float:
        tiles = _tiles(y, tile)
        size, deep = _cuts(tiles, y.blocks)
        run, count, pieces = _run(1, size), -(-tiles // size), -(-y.blocks // deep)
        products = (count * -(-size // (2 * run)) * 2 * run + READ) * C * O
        idle = max(1, threads / (count * pieces))
        return idle * (tile + 2) ** 2 * (products + TRANSFORM * tiles * (pieces * C + O))

    best = min((tile for tile in TILES if min(OH, OW) >= tile), key=time)
    return best if time(best) < direct else 0


def _tiles(y: Layout, tile: int) -> int:
    N, _, OH, OW = y.shape
    return N * -(-OH // tile) * -(-OW // tile)


def _cuts(tiles: int, blocks: int) -> tuple[int, int]:
    """The tiles, and the blocks of output channels, of an item."""
    count = -(-tiles // MOST)
    pieces = max(1, min(-(-ITEMS // count), blocks // LEAST))
    if count * pieces < ITEMS:
        count = max(count, min(-(-ITEMS // pieces), tiles // FEWEST))
    deep = -(-blocks // pieces)
    return -(-tiles // count), deep + deep % 2


def transform_weights(w: np.ndarray, tile: int) -> np.ndarray:
    """w (O, C, 3, 3) -> (points, blocks of O, blocks of C, width, lanes): G w G'."""
    O, C = w.shape[:2]
    vector, points = lanes(w.itemsize), (tile + 2) ** 2
    OB, CB = -(-O // vector), -(-C // vector)
    g = _matrix(G[tile])
    both = np.kron(g, g)  # rows: points; columns: taps
    u = np.empty((points, OB, CB * vector * vector), w.dtype)

    def transform(b: int) -> None:
        part = w[b * vector : (b + 1) * vector].reshape(-1, C, 9)
        taps = np.zeros((9, CB * vector, vector))
        taps[:, :C, : len(part)] = part.transpose(2, 1, 0)
        u[:, b] = both @ taps.reshape(9, -1)

    with one_blas_thread():  # for small products its threads take ten times as long
        parallel_for(transform, OB)
    return u.reshape(points, OB, CB, vector, vector)


def _matrix(factors: tuple[Any, ...]) -> np.ndarray:
    """The product of some matrices."""
    product = np.array(factors[0], float)
    for factor in factors[1:]:
        product = product @ np.array(factor, float)
    return product


def winograd(
    x: Layout, y: Layout, window: Window, tile: int, low: float, high: float, dtype: Any,
    threads: int,
) -> tuple[Call, int]:  # fmt: skip
    """The call of a convolution, and the elements of memory that it takes for `threads` threads.

    Its arrays: x, transformed weights, packed bias, residual, y, memory. The residual has y's
    layout, or is empty. x's border must be as wide as the window's padding.
    """
    _, O, OH, OW = y.shape
    vector, points = y.width, (tile + 2) ** 2
    down, across = -(-OH // tile), -(-OW // tile)
    tiles = _tiles(y, tile)
    size, deep = _cuts(tiles, y.blocks)
    run = _run(1, size)
    block = max(size, run)
    product, into = deep * block * vector, x.blocks * block * vector
    memory = points * (into + product) + tile * tile * vector
    memory = -(-memory // 16) * 16
    sizes = Sizes(tile, down, across, x.blocks, y.blocks, block, into, product, memory)
    items = np.array(
        [
            (t, min(t + size, tiles), b, min(b + deep, y.blocks))
            for t in range(0, tiles, size) for b in range(0, y.blocks, deep)
        ],
        np.int64,
    )  # fmt: skip
    top, left = window.padding[0][0], window.padding[1][0]
    places = (
        x.start - top * x.row - left * x.width, x.image, x.block, x.row,
        y.start, y.image, y.block, y.row, OH, OW,
    )  # fmt: skip
    offsets = np.arange(x.blocks, dtype=np.int64) * block * vector
    settings = (
        offsets, np.zeros(2 * vector, dtype), tuple(sizes), places,
        tuple(Form.of(run, 1, vector, False)), np.array([low, high, -math.inf, math.inf], dtype),
        items,
    )  # fmt: skip
    macs = points * tiles * x.shape[1] * O
    call = Call(convolve_tiles, settings, len(items), macs // MACS_PER_ELEMENT + math.prod(y.shape))
    return call, memory * threads


@kernel
def convolve_tiles(
    x, u, bias, residual, y, memories, offsets, zeros, sizes, places, form, bounds, items,
    pool, first, last,
):  # fmt: skip
    """Compute some items: a block of tiles, and blocks of output channels."""
    if shared(pool, first, last) or recorded(pool, first, last):
        return
    tile, down, across, inputs, outputs, block, v_point, m_point, size = sizes
    points, lanes = (tile + 2) * (tile + 2), lanes_of(y)
    memory = memories[-pool * size : (1 - pool) * size]
    v, m = memory[: points * v_point], memory[points * v_point : points * (v_point + m_point)]
    sums = memory[points * (v_point + m_point) :]
    run, taps = len(form[0]), len(offsets)
    w_block = inputs * lanes * lanes
    for k in range(first, last):
        t0, t1, b0, b1 = items[k, 0], items[k, 1], items[k, 2], items[k, 3]
        for t in range(t0, t1):
            n, i, j = place_of(t, tile, down, across, places)
            at = places[0] + n * places[1] + i * places[3] + j * lanes
            for c in range(inputs):
                to = (c * block + t - t0) * lanes
                transform_window(
                    tile, x, at + c * places[2], places[3], lanes, v, to,
                    (tile + 2) * v_point, v_point,
                )  # fmt: skip
        for p in range(points):
            for b in range(b0, b1, 2):
                w_at = (p * outputs + b) * w_block
                to = p * m_point + (b - b0) * block * lanes
                j = 0
                while j < t1 - t0:
                    left, right = runs_from(j, t1 - t0, run)
                    source, second = p * v_point + left * lanes, (right - left) * lanes
                    if b + 1 < b1:
                        tile_pair(
                            form, v, source, second, lanes, offsets, taps, u, w_at, w_block,
                            zeros, 0, zeros, False, m, to + left * lanes, second, block * lanes,
                            bounds[2], bounds[3],
                        )  # fmt: skip
                    else:
                        tile_single(
                            form, v, source, second, lanes, offsets, taps, u, w_at, w_block,
                            zeros, 0, zeros, False, m, to + left * lanes, second, block * lanes,
                            bounds[2], bounds[3],
                        )  # fmt: skip
                    j = left + 2 * run
        for t in range(t0, t1):
            n, i, j = place_of(t, tile, down, across, places)
            above, before = tile * (t // across % down) - i, tile * (t % across) - j
            at = places[4] + n * places[5] + i * places[7] + j * lanes
            for b in range(b0, b1):
                source = ((b - b0) * block + t - t0) * lanes
                transform_sums(
                    tile, m, source, (tile + 2) * m_point, m_point, sums, 0, tile * lanes, lanes
                )
                store_tile(
                    sums, bias, b * lanes, residual, y, at + b * places[6], places[7],
                    tile, above, before, bounds[0], bounds[1],
                )  # fmt: skip


@kernel
def place_of(t, tile, down, across, places):
    """The image of a tile, and its first row and column."""
    i, j = t // across % down * tile, t % across * tile
    return t // (across * down), min(i, places[8] - tile), min(j, places[9] - tile)


@kernel
def store_tile(sums, bias, channel, residual, y, at, row, tile, above, before, low, high):
    """Finish a tile and store it, without its first rows and columns."""
    lanes = lanes_of(y)
    add = bias[channel : channel + lanes]
    has_residual = len(residual) > 0
    for i in range(above, tile):
        for j in range(before, tile):
            source = sums[(i * tile + j) * lanes :][:lanes]
            to = at + i * row + j * lanes
            out = y[to : to + lanes]
            if has_residual:
                more = residual[to : to + lanes]
                for l in range(lanes_of(y)):
                    value = source[l] + add[l] + more[l]
                    value = low if value < low else value
                    out[l] = high if value > high else value
            else:
                for l in range(lanes_of(y)):
                    value = source[l] + add[l]
                    value = low if value < low else value
                    out[l] = high if value > high else value
