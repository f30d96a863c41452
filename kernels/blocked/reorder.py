"""Between the layouts of rows (NCHW) and blocks of channels, and the zeros of a border."""

import math

from ..jit import kernel
from ..thread_pool import shared
from .convolve import Call
from .layout import Layout


def to_blocks(y: Layout) -> Call:
    """The call that packs x (N, C, H, W), contiguous, into blocks. Its arrays: x, y.

    Channels beyond C become zeros.
    """
    return _reordering(pack_blocks, y)


def from_blocks(x: Layout) -> Call:
    """The call that unpacks y (N, C, H, W), contiguous, from blocks. Its arrays: x, y."""
    return _reordering(unpack_blocks, x)


def border(y: Layout) -> Call:
    """The call that writes zeros around the images. Its array: y."""
    return _reordering(clear_border, y)


def _reordering(fill, at: Layout) -> Call:
    settings = *at.shape[1:], at.width, at.start, at.image, at.block, at.row, at.blocks, *at.border
    size = math.prod(at.shape)
    return Call(fill, (settings,), at.shape[0] * at.blocks, size)


@kernel
def pack_blocks(x, y, settings, pool, first, last):
    if shared(pool, first, last):
        return
    C, H, W, width, start, image, block, row, blocks, _, _ = settings
    for k in range(first, last):
        n, b = k // blocks, k % blocks
        to, channels = start + n * image + b * block, min(width, C - b * width)
        for i in range(H):
            line = y[to + i * row :][: W * width]
            for c in range(width):
                if c < channels:
                    source = x[((n * C + b * width + c) * H + i) * W :][:W]
                    for j in range(W):
                        line[j * width + c] = source[j]
                else:
                    for j in range(W):
                        line[j * width + c] = 0


@kernel
def unpack_blocks(x, y, settings, pool, first, last):
    if shared(pool, first, last):
        return
    C, H, W, width, start, image, block, row, blocks, _, _ = settings
    for k in range(first, last):
        n, b = k // blocks, k % blocks
        at, channels = start + n * image + b * block, min(width, C - b * width)
        for i in range(H):
            line = x[at + i * row :][: W * width]
            for c in range(channels):
                to = y[((n * C + b * width + c) * H + i) * W :][:W]
                for j in range(W):
                    to[j] = line[j * width + c]


@kernel
def clear_border(y, settings, pool, first, last):
    if shared(pool, first, last):
        return
    _, H, W, width, start, image, block, row, blocks, high, wide = settings
    for k in range(first, last):
        at = start + k // blocks * image + k % blocks * block - wide * width  # left of pixel (0, 0)
        y[at - high * row : at] = 0
        y[at + H * row : at + (H + high) * row] = 0
        for i in range(H):
            y[at + i * row :][: wide * width] = 0
            y[at + i * row + (W + wide) * width :][: wide * width] = 0
