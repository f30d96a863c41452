"""Block sizes of Winograd's weight gradient, by formula from the machine's caches.

The names are those of plan.py; here the sum is over tiles: KC tiles of a panel of V, KC x NR
numbers, take half of the first-level cache at one point. The M of a block, MC x NR sums at all
points, takes at most the second-level cache. Where the V and Y of all images take at most half of
the third-level cache, they are transformed once, and blocks are half as large: there are more.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...machine import machine
from ...micro_kernel import MR, NR_VECTORS
from ...workspace import cut
from ..gemm.grid import sum_parts
from .plan import best_tile, count_tiles

FLUSH_TILES = 1024  # in a partial sum M, then added to gw: this keeps the rounding error small


class Sizes(NamedTuple):
    """The sizes that the kernels need, in numbers.

    tile, points: a tile has tile x tile outputs and (tile + 2)^2 products; C, O: channels of x and
    gy; KC: tiles of a product at most; NC, MC: channels of x and gy in a block at most; rows: rows
    of tiles that are transformed together; strip: channels of gy that are adjacent; all_tiles: the
    number of tiles where all are transformed once, else 0; v_point, g_point: between two points in
    V and Y, a vector more than the sizes, which keeps them apart in the cache; lines: transposed
    inputs.
    """

    tile: int
    points: int
    C: int
    O: int
    KC: int
    NC: int
    MC: int
    rows: int
    strip: int
    all_tiles: int
    v_point: int
    g_point: int
    lines: int


class Plan(NamedTuple):
    """How to compute a weight gradient.

    blocks: the ranges of output channels, of input channels and of rows of tiles of each, and its
    part of the sum; parts: the number of these.
    """

    sizes: Sizes
    blocks: np.ndarray
    parts: int
    macs: int


@lru_cache(maxsize=256)
def plan_of(gy_shape: tuple, C: int, itemsize: int) -> Plan:
    """The plan of gw (O, C, 3, 3) from gy (N, O, OH, OW)."""
    N, O, OH, OW = gy_shape
    tile = best_tile(count_tiles(gy_shape), C, O)
    points, TH, TW = (tile + 2) ** 2, -(-OH // tile), -(-OW // tile)
    lanes = machine().lanes(itemsize)
    strip, row = max(lanes, MR), NR_VECTORS * machine().vector_bytes
    l1, l2, l3 = machine().l1, machine().l2, machine().l3
    KC, MC = max(1, l1.size // 2 // row), max(strip, l2.size // (points * row))
    macs, tiles = N * TH * TW * points * O * C, N * TH * TW
    once = tiles <= FLUSH_TILES and tiles * points * (C + O) * itemsize <= l3.size // 2
    if once:
        MC = max(strip, MC // 2)
    NC = lanes * max((c.stop - c.start for c in cut(-(-C // lanes), NR_VECTORS)), default=1)
    ins = [(c, min(c + NC, C)) for c in range(0, C, NC)]
    outs = [(o.start * strip, min(o.stop * strip, O)) for o in cut(-(-O // strip), MC // strip)]
    parts = [slice(0, N * TH)] if once else sum_parts(N * TH, len(ins) * len(outs), macs)
    blocks = [
        (*o, *c, part.start, part.stop, k)
        for c in ins
        for o in outs
        for k, part in enumerate(parts)
    ]
    MC = max((-(-(o1 - o0) // strip) * strip for o0, o1 in outs), default=0)
    rows = max(N * TH if once else max(1, KC // TW), 1)
    lines = ((tile * min(rows, TH) + 2) * (tile * TW + 2) + 2 * lanes) * lanes
    v_point, g_point = rows * TW * NC + lanes, rows * TW * MC + lanes
    if once:
        v_point, g_point = tiles * len(ins) * NC + lanes, tiles * -(-O // strip) * strip + lanes
    all_tiles = tiles if once else 0
    sizes = (tile, points, C, O, KC, NC, MC, rows, strip, all_tiles, v_point, g_point, lines)
    table = np.array(blocks, np.int64).reshape(-1, 7)
    return Plan(Sizes(*sizes), table, max(len(parts), 1), macs)
