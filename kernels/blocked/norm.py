"""Local response normalisation in the channel-blocked layout, pixel by pixel."""

from typing import Any

import numpy as np

from ..jit import kernel
from ..local_response_norm.compiled import inverse_powers
from ..thread_pool import shared
from .calls import Call, recorded
from .layout import Layout


def local_response_norm(
    x: Layout, y: Layout, size: int, alpha: float, beta: float, bias: float, dtype: Any
) -> Call:
    """The call of y = x (bias + alpha / size * sum of x^2)^-beta. Its arrays: x, y.

    The sum is over `size` channels around each, of which an even size has one more behind it.
    """
    N, C, H, W = x.shape
    before, after = min((size - 1) // 2, C), min(size // 2, C)
    places = tuple((at.start, at.image, at.block, at.row) for at in (x, y))
    sizes = y.blocks, C, H, W, y.width, before, after
    parameters = np.array([alpha / size, beta, bias], dtype)
    work = N * C * H * W * (before + after + 1)
    return Call(normalise, (places, sizes, parameters), N * H, work)


@kernel(allocates=True)
def normalise(x, y, places, sizes, parameters, pool, first, last):
    """Some rows of all images. What is beyond C stays zero, whatever its neighbours are."""
    if shared(pool, first, last) or recorded(pool, first, last):
        return
    blocks, C, H, W, width, before, after = sizes
    x_start, x_image, x_block, x_row = places[0]
    y_start, y_image, y_block, y_row = places[1]
    c, beta, bias = parameters[0], parameters[1], parameters[2]
    channels = blocks * width
    squares = np.zeros(before + channels + after, x.dtype)
    factors = np.empty((1, channels), x.dtype)
    for k in range(first, last):
        x_at = x_start + k // H * x_image + k % H * x_row
        y_at = y_start + k // H * y_image + k % H * y_row
        for j in range(0, W * width, width):
            for b in range(blocks):
                pixel = x[x_at + b * x_block + j :][:width]
                own = squares[before + b * width :][:width]
                for l in range(width):
                    own[l] = pixel[l] * pixel[l]
            factors[0, :] = squares[:channels]
            for d in range(1, before + after + 1):
                part, total = squares[d:][:channels], factors[0]
                for i in range(channels):
                    total[i] += part[i]
            inverse_powers(factors, beta, c, bias, channels)
            for b in range(blocks):
                pixel = x[x_at + b * x_block + j :][:width]
                to = y[y_at + b * y_block + j :][:width]
                factor, there = factors[0, b * width :][:width], C - b * width
                for l in range(width):
                    to[l] = pixel[l] * factor[l] if l < there else 0
