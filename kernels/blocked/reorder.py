"""Between the layouts of rows (NCHW) and blocks of channels, and the zeros of a border."""

import math

from ..jit import kernel
from ..thread_pool import shared
from .calls import Call, recorded
from .layout import Layout

ITEMS, ROWS = 8, 8  # items of work that a call should have; rows that one has at least


def to_blocks(y: Layout) -> Call:
    """The call that packs x (N, C, H, W), contiguous, into blocks. Its arrays: x, y.

    Channels beyond C become zeros.
    """
    return _copying(_in_rows(y), y)


def from_blocks(x: Layout) -> Call:
    """The call that unpacks y (N, C, H, W), contiguous, from blocks. Its arrays: x, y."""
    return _copying(x, _in_rows(x))


def border(y: Layout) -> Call:
    """The call that writes zeros around the images. Its array: y."""
    sizes = *y.shape[2:], y.width, y.start, y.image, y.block, y.row, y.blocks, *y.border
    return Call(clear_border, (sizes,), y.shape[0] * y.blocks, math.prod(y.shape))


def _in_rows(at: Layout) -> Layout:
    """The layout of a contiguous array (N, C, H, W): blocks of one channel."""
    _, C, H, W = at.shape
    return Layout(at.shape, 1, (0, 0), C * H * W, H * W, W, 0)


def _copying(x: Layout, y: Layout) -> Call:
    """The call that copies each channel of y from x; an item is some rows of some channels."""
    places = tuple((at.start, at.image, at.block, at.row, at.width) for at in (x, y))
    N, C, H, W = x.shape
    channels = y.blocks * y.width  # with those beyond C
    parts = -(-channels // max(x.width, y.width))
    bands = max(1, min(ITEMS // (N * parts), H // ROWS))
    sizes = C, H, W, channels, max(x.width, y.width), parts, bands
    return Call(copy_channels, (places, sizes), N * parts * bands, math.prod(y.shape))


@kernel
def copy_channels(x, y, places, sizes, pool, first, last):
    """y[n, c] = x[n, c] for some channels, and zeros in those that x does not have."""
    if shared(pool, first, last) or recorded(pool, first, last):
        return
    C, H, W, channels, part, parts, bands = sizes
    x_start, x_image, x_block, x_row, x_width = places[0]
    y_start, y_image, y_block, y_row, y_width = places[1]
    for item in range(first, last):
        k, band = item // bands, item % bands
        n = k // parts
        for c in range(k % parts * part, min((k % parts + 1) * part, channels)):
            x_at = x_start + n * x_image + c // x_width * x_block + c % x_width
            y_at = y_start + n * y_image + c // y_width * y_block + c % y_width
            for i in range(band * H // bands, (band + 1) * H // bands):
                to = y_at + i * y_row
                if c < C:
                    source = x_at + i * x_row
                    for j in range(W):
                        y[to + j * y_width] = x[source + j * x_width]
                else:
                    for j in range(W):
                        y[to + j * y_width] = 0


@kernel
def clear_border(y, sizes, pool, first, last):
    if shared(pool, first, last) or recorded(pool, first, last):
        return
    H, W, width, start, image, block, row, blocks, high, wide = sizes
    for k in range(first, last):
        at = start + k // blocks * image + k % blocks * block - wide * width  # left of pixel (0, 0)
        y[at - high * row : at] = 0
        y[at + H * row : at + (H + high) * row] = 0
        for i in range(H):
            y[at + i * row :][: wide * width] = 0
            y[at + i * row + (W + wide) * width :][: wide * width] = 0
