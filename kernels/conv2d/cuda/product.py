"""Matrix products by the kernels of convolutions, where the library's cannot be used.

CuPy refuses cuBLAS while a graph is captured. A product is a convolution of one image of height 1
with a kernel of 1 x 1: a holds the weights of M output channels, b the K channels of N pixels; a
batch of products is one with as many groups.
"""

import math

import numpy as np

from ...cuda.array import EmulatorArray
from ...cuda.launch import address, zeros
from ...cuda.tape import this_thread
from ...window import Window
from . import implicit_gemm


def library_refuses(array) -> bool:
    """Whether a step is captured on a GPU, where CuPy then refuses to multiply matrices."""
    return this_thread.capture is not None and not isinstance(array, EmulatorArray)


def product(a, b):
    """a (*, M, K) @ b (*, K, N) -> (*, M, N), of float32 or float64; * broadcasts."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    (M, K), N, count = a.shape[-2:], b.shape[-1], math.prod(batch)
    if not count * M * K * N:
        return zeros((*batch, M, N), a.dtype, like=a)
    weights = _in_order(np.broadcast_to(a, (*batch, M, K))).reshape(count * M, K, 1, 1)
    image = _in_order(np.broadcast_to(b, (*batch, K, N))).reshape(1, count * K, 1, N)
    y = implicit_gemm.PLAIN.forward(image, weights, Window(1), count)
    return y.reshape(*batch, M, N)


def _in_order(x):
    return x if x.flags.c_contiguous and address(x) % 16 == 0 else x.copy()
