"""Block sizes and loop orders of Winograd's products, by formula from the machine's caches.

The names are those of BLIS. At each point, M[t, o] = V[t, c] @ U[c, o] for tiles t, is made of:

    MR x NR   a micro-tile: MR tiles, NR outputs
    KC        channels of a panel of U: KC x NR numbers take half of the first-level cache at one
              point, and half of the second-level cache at all points
    NC        outputs of a block of U
    MC        tiles of a block of V

There are two orders of loops. Where there are many tiles and few channels, all weights are
transformed first; then blocks of tiles are transformed and multiplied by all of U. Where there are
few tiles and many channels (images of 14x14 and below), U is larger than all else and would go
through memory twice. Then all windows are transformed first; then panels of weights are transformed
and multiplied at once, while they are in the second-level cache. The order that moves fewer bytes
is taken. Each sum is cut into the same KC channels in either order and for any number of threads.

Source: Low, Igual, Smith, Quintana-Orti (2016), Analytical Modeling Is Enough for High-Performance
BLIS, section 4.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...machine import machine
from ...micro_kernel import MR, NR_VECTORS
from ...workspace import cut
from ..gemm.grid import pieces
from ..transforms import TILES

# The time to transform one number, with its share of loads, stores and transpositions, in that of
# a multiply-add of a product.
TRANSFORM = 12
CHANNELS = 16  # of a strip that are transposed together, to stay in the first-level cache
MAX_TILES = 12 * MR  # of a block whose V and M leave the second-level cache in any case


class Sizes(NamedTuple):
    """The sizes that the kernels need, in numbers.

    tile, points: a tile has tile x tile outputs and (tile + 2)^2 products; C, R: the channels that
    are summed, and those of the result; KC, NC, MC: of a block at most, MC rounded up to whole
    micro-tiles; NR: outputs of whole micro-tiles and whole strips; strip: rows of weights that are
    transposed together; v_point: between two points in V, a vector more than its size, which keeps
    them apart in the cache; packed, lines: scratch memory for transposed weights and inputs.
    """

    tile: int
    points: int
    C: int
    R: int
    KC: int
    NC: int
    MC: int
    NR: int
    strip: int
    v_point: int
    packed: int
    lines: int


class Plan(NamedTuple):
    """How to compute a convolution.

    panels_of_weights: whether panels of weights are transformed and multiplied at once; blocks: the
    ranges of rows of tiles and of outputs of each block.
    """

    sizes: Sizes
    panels_of_weights: bool
    blocks: np.ndarray
    macs: int


def channels_of_panel(C: int, points: int, itemsize: int) -> int:
    """KC, at most C rounded up to whole vectors, such that the panels are of equal size."""
    row, width = NR_VECTORS * machine().vector_bytes, lanes_of(itemsize)
    most = min(machine().l1.size // 2 // row, machine().l2.size // 2 // (points * row))
    vectors = -(-C // width)
    panels = -(-vectors * width // max(most, width))
    return max(1, -(-vectors // max(panels, 1))) * width


def lanes_of(itemsize: int) -> int:
    return machine().lanes(itemsize)


def best_tile(tiles_of: dict[int, int], C: int, R: int) -> int:
    """The size of a tile with the least time for products and transforms.

    tiles_of: the number of tiles of each size.
    """

    def time(tile: int) -> int:
        tiles, points = tiles_of[tile], (tile + 2) ** 2
        products = -(-tiles // MR) * MR * C * R
        return points * (products + TRANSFORM * (C * R + tiles * (C + R)))

    return min(TILES[::-1], key=time)


def count_tiles(y_shape: tuple) -> dict[int, int]:
    """The number of tiles of each size."""
    N, _, OH, OW = y_shape
    return {tile: N * -(-OH // tile) * -(-OW // tile) for tile in TILES}


@lru_cache(maxsize=256)
def plan_of(y_shape: tuple, C: int, itemsize: int, threads: int) -> Plan:
    """The plan of y (N, R, OH, OW) from C channels."""
    N, R, OH, OW = y_shape
    tile = best_tile(count_tiles(y_shape), C, R)
    points, TH, TW = (tile + 2) ** 2, -(-OH // tile), -(-OW // tile)
    width = lanes_of(itemsize)
    strip, NR = max(width, MR), NR_VECTORS * width
    KC, tiles = channels_of_panel(C, points, itemsize), N * TH * TW
    macs = tiles * points * C * R
    strips, per_panel = -(-R // strip), math.lcm(NR, strip) // strip
    rows = _rows_of_block(tiles, TW, points, C, R, itemsize)
    at_once = strips >= min(threads, 2) and _weights_move_less(
        points * itemsize, tiles, C, R, KC, strip * per_panel, -(-N * TH // rows)
    )
    if at_once:
        count = -(-strips // per_panel)
        count = min(strips, -(-count // threads) * threads)
        rows, outs = max(N * TH, 1), cut(strips, -(-strips // max(count, 1)))
        along, images = [slice(0, N * TH)], TH
    else:
        rows, outs = _cuts(y_shape, tile, rows, points, strip * per_panel, macs, threads)
        along, images = cut(N * TH, rows), min(rows, TH)
        rows = max((part.stop - part.start for part in along), default=1)
        outs = [slice(o.start * per_panel, min(o.stop * per_panel, strips)) for o in outs]
    lines = ((tile * images + 2) * (tile * TW + 2) + 2 * width) * width
    NC = max((o.stop - o.start for o in outs), default=1) * strip
    MC = -(-rows * TW // MR) * MR
    blocks = [(r.start, r.stop, o.start * strip, o.stop * strip) for r in along for o in outs]
    v_point = -(-C // KC) * MC * KC + strip
    packed = (9 * CHANNELS + strip) * strip
    sizes = Sizes(tile, points, C, R, KC, NC, MC, strip * per_panel, strip, v_point, packed, lines)
    return Plan(sizes, at_once, np.array(blocks, np.int64).reshape(-1, 4), macs)


def _rows_of_block(tiles: int, TW: int, points: int, C: int, R: int, itemsize: int) -> int:
    """Rows of tiles in a block whose windows are transformed with all of U in memory.

    Each block reads U, each tile moves V and M, unless these stay in the second-level cache.
    """
    tile_bytes = points * (C + R) * itemsize
    fits = machine().l2.size // 2 // max(tile_bytes, 1)
    outside = 1 / MAX_TILES + 2 * (C + R) / max(C * R, 1)  # bytes moved per product
    best = fits if fits and 1 / fits <= outside else MAX_TILES
    return max(1, min(best, MAX_TILES) // TW)


def _weights_move_less(item, tiles, C, R, KC, NR, blocks) -> bool:
    """Whether panels of weights that are multiplied at once move fewer bytes than a whole U.

    item: bytes of a number at all points; blocks: how often all of U would be read.
    """
    V, U, M = (item * count for count in (tiles * C, C * R, tiles * R))
    again = -(-C // KC) - 1 if item * tiles * NR > machine().l2.size // 2 else 0
    panels = V * (1 + -(-R // NR)) + 2 * M * again
    whole = U * (2 + blocks) + (2 * (V + M) if blocks * machine().l2.size // 2 < V + M else 0)
    return tiles < R and panels < whole


def _cuts(y_shape, tile, rows, points, NR, macs, threads) -> tuple[int, list[slice]]:
    """Rows of tiles of a block, and the panels of outputs of each."""
    N, R, OH, OW = y_shape
    count = pieces(macs, threads)
    # If the rows of tiles are cut, every block reads all of U; if the panels of U, all of x.
    cuts = count if points * R <= N * OH * OW else 1
    TH, panels = -(-OH // tile), -(-R // NR)
    rows = max(1, min(rows, -(-N * TH // cuts)))
    across = -(-count // max(1, len(cut(N * TH, rows))))
    return rows, cut(panels, -(-panels // across))
