"""Sums split over blocks: each block writes its part, then the parts are added in order.

Atomic additions need no second pass, but their order varies from run to run, and so would the bits
of floating-point sums.
"""

import math

import numpy as np

from ...cuda.launch import blocks, cuda_module, empty, planned
from ...cuda.signature import real


def parts_for(blocks_uncut, items, target_blocks) -> int:
    """The number of parts of sums over `items` that gives about `target_blocks` blocks in all."""
    return max(1, min(items, target_blocks // max(1, blocks_uncut)))


def parts_in_waves(blocks_uncut, pieces, least, slots) -> int:
    """The number of parts of sums over `pieces` with which `blocks_uncut` blocks end the soonest.

    `slots` blocks run at a time, as a wave. A part has `least` pieces or more, and writing and
    adding it takes as long as `least` pieces. Where sums of one part leave half of a wave empty,
    those of five can fill three waves. Adding is one launch more, so it must save a fifth.
    """

    def time(parts):
        return blocks(blocks_uncut * parts, slots) * (pieces / parts + least * (parts > 1))

    most = min(pieces // least, 3 * slots // blocks_uncut)
    best = min(range(1, most + 1), key=time, default=1)
    return best if time(best) < 0.8 * time(1) else 1


def add_parts(parts, bias=None, relu=False):
    """parts (S, *shape) -> (*shape): their sum, part 0 first.

    With bias (O,) or relu, shape (N, O, OH, OW): the bias is added, then max(y, 0) is taken.
    """
    if len(parts) == 1 and bias is None and not relu:
        return parts[0]
    shape = parts.shape[1:]
    total = empty(shape, parts.dtype, like=parts)
    if total.size:
        _adding(parts.shape, parts.dtype, bias is not None, relu)(parts, bias, total)
    return total


@planned
def _adding(parts_shape, dtype, biased, relu):
    count, *shape = parts_shape
    size = math.prod(shape)
    plane, channels = (math.prod(shape[2:]), shape[1]) if biased else (1, 1)
    values = np.int32(count), np.int64(size), np.int64(plane), np.int32(channels), np.bool_(relu)
    kernel = cuda_module("conv2d/cuda/splits.cu", REAL=real(dtype))["add_parts"]
    return kernel.planned((blocks(size, 256),), (256,), values)
