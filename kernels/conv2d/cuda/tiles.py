"""The tiles of the tiled kernels (depthwise, grouped), and the settings of taps.h for them."""

from typing import NamedTuple

import numpy as np

from ...cuda.launch import blocks
from ...cuda.signature import real
from ...window import Window

SHARED = 48 * 1024  # bytes of shared memory that every block may have
# Columns in a tile. Two tiles of 56 columns would read 9 sectors of 32 bytes for 7 in each row; one
# of 112 reads 14 for 14, and its rows more than make up for being fewer.
WIDEST = 128


class Tile(NamedTuple):
    """The outputs of one block: `planes` times rows x columns; each thread has a strip of rows."""

    planes: int
    rows: int
    columns: int
    strip: int

    @property
    def threads(self) -> int:
        """The number of working threads, before rounding up to whole warps."""
        return self.planes * self.rows // self.strip * self.columns

    def counts(self, size) -> tuple[int, int]:
        """The number of tiles down and across a plane of `size` outputs."""
        return blocks(size[0], self.rows), blocks(size[1], self.columns)


class Taps(NamedTuple):
    """The planes that a convolution or its input gradient reads and writes.

    `outputs` is the range of q in taps.h along each axis: outputs of the convolution, or pixels of
    the gradient in steps of the stride.
    """

    window: Window
    gradient: bool
    read: tuple[int, int]
    written: tuple[int, int]
    dtype: np.dtype

    @property
    def outputs(self) -> tuple[int, int]:
        if not self.gradient:
            return self.written
        (H, W), (SH, SW) = self.written, self.window.stride
        return blocks(H, SH), blocks(W, SW)

    @property
    def origin(self) -> tuple[int, int]:
        """The first row and column that output 0 reads."""
        (top, _), (left, _) = self.window.padding
        if not self.gradient:
            return -top, -left
        SH, SW = self.window.stride
        return top // SH - self._reach(0), left // SW - self._reach(1)

    def _reach(self, axis) -> int:
        return (self.window.span[axis] - 1) // self.window.stride[axis]

    @property
    def vector(self) -> int:
        """The number of elements read at once: 4 (16 bytes) if every row is aligned, else 1."""
        return 4 if self.dtype == np.float32 and self.read[1] % 4 == 0 else 1

    def tile_elements(self, tile) -> int:
        """Shared-memory elements of the tile of one plane (ROWS * PITCH of taps.h)."""
        rows, columns = (
            (count - 1) * self._step(axis) + self._span(axis)
            for axis, count in enumerate((tile.rows, tile.columns))
        )
        pitch = (columns + 2 * (self.vector - 1)) // self.vector * self.vector
        return rows * pitch

    def _step(self, axis) -> int:
        return 1 if self.gradient else self.window.stride[axis]

    def _span(self, axis) -> int:
        if not self.gradient:
            return self.window.span[axis]
        stride, (before, _) = self.window.stride[axis], self.window.padding[axis]
        return (stride - 1 + before % stride) // stride + self._reach(axis) + 1

    def best_tile(self, strip, threads, planes, shared_planes=1, shared_limit=SHARED) -> Tile:
        """A tile of about `threads` threads that divides the plane evenly; small planes share one.

        planes: how many planes there are. shared_planes: planes in shared memory for each of them.
        """
        QH, QW = self.outputs
        space = shared_limit // np.dtype(self.dtype).itemsize
        columns = _evenly(QW, WIDEST)
        strips = _evenly(blocks(QH, strip), max(1, threads // columns))

        def fits(tile):
            return tile.planes * shared_planes * self.tile_elements(tile) <= space

        tile = Tile(1, strips * strip, columns, strip)
        while not fits(tile) and tile.rows > strip:
            tile = tile._replace(rows=blocks(tile.rows // strip, 2) * strip)
        while not fits(tile) and tile.columns > 1:
            tile = tile._replace(columns=blocks(tile.columns, 2))
        planes_per_tile = max(1, min(planes, threads // tile.threads))
        while not fits(tile._replace(planes=planes_per_tile)) and planes_per_tile > 1:
            planes_per_tile -= 1
        return tile._replace(planes=planes_per_tile)

    def definitions(self, tile) -> dict:
        """The -D settings of taps.h."""
        window = self.window
        return {
            "REAL": real(self.dtype),
            "GRADIENT": int(self.gradient),
            "KH": window.kernel[0],
            "KW": window.kernel[1],
            "SH": window.stride[0],
            "SW": window.stride[1],
            "DH": window.dilation[0],
            "DW": window.dilation[1],
            "PHASE_H": window.padding[0][0] % window.stride[0],
            "PHASE_W": window.padding[1][0] % window.stride[1],
            "TILE_H": tile.rows,
            "TILE_W": tile.columns,
            "STRIP": tile.strip,
            "VECTOR": self.vector,
        }

    def arguments(self, tile) -> tuple:
        """The arguments of every tiled kernel: H, W, OH, OW, origin and tiles of both axes."""
        sizes = *self.read, *self.written, *self.origin, *tile.counts(self.outputs)
        return tuple(np.int32(size) for size in sizes)


def _evenly(count, most):
    """The size of the parts, when count is cut into as few parts of at most `most` as possible."""
    return blocks(count, blocks(count, most))


def whole_warps(threads) -> int:
    return blocks(threads, 32) * 32
