"""Sums that are split over blocks: each writes its part, and the parts are added in order.

Atomic additions would need no second pass, but floating point sums depend on their order: they
would give other bits every time.
"""

import math

import numpy as np

from ...cuda.launch import blocks, cuda_module, empty
from ...cuda.signature import real


def parts_for(blocks_uncut, items, enough) -> int:
    """Into how many parts to cut sums over `items` for about `enough` blocks in all."""
    return max(1, min(items, enough // max(1, blocks_uncut)))


def add_parts(parts, bias=None, relu=False):
    """parts (S, *shape) -> (*shape): their sum, part 0 first.

    With bias (O,) and relu, shape (N, O, OH, OW): bias is added, then max(y, 0) taken.
    """
    if len(parts) == 1 and bias is None and not relu:
        return parts[0]
    shape = parts.shape[1:]
    total = empty(shape, parts.dtype, like=parts)
    if total.size:
        plane, channels = (1, 1) if bias is None else (math.prod(shape[2:]), shape[1])
        sizes = np.int32(len(parts)), np.int64(total.size), np.int64(plane), np.int32(channels)
        kernel = cuda_module("conv2d/cuda/splits.cu", REAL=real(parts.dtype))["add_parts"]
        kernel((blocks(total.size, 256),), (256,), (parts, bias, total, *sizes, np.bool_(relu)))
    return total
