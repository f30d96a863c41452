"""Random numbers on the GPU and on the emulator: the launches of philox.cu."""

import numpy as np

from ..cuda.launch import blocks, cuda_module, empty
from ..cuda.signature import real

THREADS = 256


def random_bits(count, key, like, first, stream):
    """(count,) of uint32."""
    return _drawn("random_bits", count, np.dtype(np.uint32), "float", 4, key, like, first, stream)


def uniform(count, dtype, key, like, first):
    """(count,) of a float."""
    return _drawn("uniform", count, dtype, real(dtype), 16 // dtype.itemsize, key, like, first)


def normal(count, dtype, key, like, first):
    """(count,) of a float."""
    return _drawn("normal", count, dtype, real(dtype), 16 // dtype.itemsize, key, like, first)


def keep_mask(count, p, key, like, first):
    """(count,) of bool."""
    threshold = np.float32(p)
    dtype = np.dtype(np.bool_)
    return _drawn("keep_mask", count, dtype, "float", 4, key, like, first, after=(threshold,))


def _drawn(name, count, dtype, real, per, key, like, first, stream=None, after=()):
    """`count` numbers, `per` of each counter, from the number `first` on."""
    y = empty((count,), dtype, like=like)
    if count:
        block, lead = divmod(first, per)
        keys, number = (key, 0) if type(key) is type(like) else (None, int(key))
        values = [np.int64(count), np.uint64(block % 2**64), np.int32(lead)]
        values += [] if stream is None else [np.uint64(stream)]
        values += [np.uint64(number), *after]
        grid = (blocks(blocks(lead + count, per), THREADS),)
        kernel = cuda_module("philox/philox.cu", REAL=real)[name]
        kernel(grid, (THREADS,), (keys, y, *values))
    return y
