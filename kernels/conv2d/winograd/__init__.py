"""Winograd's 3x3 convolution of stride 1: F(4x4, 3x3) with a quarter of the products, F(2x2, 3x3).

A tile of 4x4 outputs y reads a window d of 6x6 inputs. Its 16 sums of 9 products take 36 products,

    y  = A' [ (G w G') * (B' d B) ] A            * elementwise, ' transposed
    gw = G' [ (A gy A') * (B' d B) ] G           F(3x3, 4x4)

since both factors are the values of polynomials at six points per axis, and the product of two
polynomials takes the product of their values at each point. At each of the 36 points i, the sum
over channels, or over tiles t for gw, is a matrix product:

    M[i] = V[i] @ U[i]       [t,c][c,o] -> [t,o]          forward           convolve.py
    M[i] = Y[i]' @ V[i]      [o,t][t,c] -> [o,c]          weight gradient   weight_sum.py

The input gradient is the forward product of gy and the flipped kernel. Channels are the last axis
of all transformed arrays, so that vectors are full for any image size. Tiles of 2x2 outputs take 16
products for 4 sums: more per sum, but their U is less than half as large. The size of U does not
depend on the images, so this is faster for a few small ones.

The products differ from those of the definition: in float32 the error relative to the largest
result is about 1e-5, compared with 1e-6 for a direct sum. `use("numba")` sums directly.

Source: Lavin, Gray (2016), Fast Algorithms for Convolutional Neural Networks, section 4.
"""

import numpy as np

from ..finish import finishing
from ..gemm.weights import Matrix
from .convolve import convolve
from .weight_sum import weight_sum

MIN_LARGE_TILES = 32  # with fewer tiles of 4x4 outputs, tiles of 2x2 are faster


def conv2d_forward(x, w, window, groups=1, bias=None, relu=False):
    """x (N, C, H, W), w (O, C, 3, 3), bias (O,) -> y (N, O, OH, OW)."""
    (top, _), (left, _) = window.padding
    y = np.empty((len(x), len(w), *window.output_size(*x.shape[2:])), x.dtype)
    matrix, after = Matrix.forward(w.shape, 1), finishing(bias, relu, len(w), x.dtype)
    convolve(_tile(y.shape), x, w, matrix, False, (top, left), y, after)
    return y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C, 3, 3) -> gx (N, C, H, W)."""
    (top, _), (left, _) = window.padding
    gx = np.empty((len(gy), w.shape[1], *input_size), gy.dtype)
    matrix, after = Matrix.backward(w.shape, 1), finishing(None, False, 0, gy.dtype)
    convolve(_tile(gx.shape), gy, w, matrix, True, (2 - top, 2 - left), gx, after)
    return gx


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C, 3, 3)."""
    (top, _), (left, _) = window.padding
    return weight_sum(x, gy, (top, left))


def _tile(y_shape) -> int:
    N, _, OH, OW = y_shape
    return 4 if N * -(-OH // 4) * -(-OW // 4) >= MIN_LARGE_TILES else 2


def multiply_adds(y_shape: tuple[int, int, int, int], channels: int) -> int:
    """The multiply-adds of the forward pass in its matrix products, without the transforms."""
    N, O, OH, OW = y_shape
    tile = _tile(y_shape)
    return N * -(-OH // tile) * -(-OW // tile) * (tile + 2) ** 2 * channels * O
