"""Winograd's 3x3 convolution of stride 1: F(4x4, 3x3) with a quarter of the products, F(3x3, 3x3)
and F(2x2, 3x3).

A tile of 4x4 outputs y reads a window d of 6x6 inputs. Its 16 sums of 9 products take 36 products,

    y  = A' [ (G w G') * (B' d B) ] A            * elementwise, ' transposed
    gw = G' [ (A gy A') * (B' d B) ] G           F(3x3, 4x4)

since both factors are the values of polynomials at six points per axis, and the product of two
polynomials takes the product of their values at each point. At each of the 36 points i, the sum
over channels, or over tiles t for gw, is a matrix product:

    M[i] = V[i] @ U[i]       [t,c][c,o] -> [t,o]          forward           convolve.py
    M[i] = Y[i]' @ V[i]      [o,t][t,c] -> [o,c]          weight gradient   weight_sum.py

The input gradient is the forward product of gy and the flipped kernel. Channels are the last axis
of all transformed arrays, so that vectors are full for any image size. Smaller tiles take more
products per sum, but waste less at the borders, and their U is smaller: they are faster for a few
small images. Tiles, blocks and the order of loops are chosen by formula (plan.py).

The products differ from those of the definition: in float32 the error relative to the largest
result is about 1e-5, compared with 1e-6 for a direct sum. `use("numba")` sums directly.

Source: Lavin, Gray (2016), Fast Algorithms for Convolutional Neural Networks, section 4.
"""

import numpy as np

from ..finish import finishing
from .convolve import convolve
from .plan import best_tile, count_tiles
from .weight_sum import weight_sum


def conv2d_forward(x, w, window, groups=1, bias=None, relu=False):
    """x (N, C, H, W), w (O, C, 3, 3), bias (O,) -> y (N, O, OH, OW)."""
    (top, _), (left, _) = window.padding
    O, C = w.shape[:2]
    y = np.empty((len(x), O, *window.output_size(*x.shape[2:])), x.dtype)
    convolve(x, w, (9 * C, 9, False), (top, left), y, finishing(bias, relu, O, x.dtype))
    return y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C, 3, 3) -> gx (N, C, H, W)."""
    (top, _), (left, _) = window.padding
    C = w.shape[1]
    gx = np.empty((len(gy), C, *input_size), gy.dtype)
    after = finishing(None, False, 0, gy.dtype)
    convolve(gy, w, (9, 9 * C, True), (2 - top, 2 - left), gx, after)
    return gx


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C, 3, 3)."""
    (top, _), (left, _) = window.padding
    return weight_sum(x, gy, (top, left))


def multiply_adds(y_shape: tuple[int, int, int, int], channels: int) -> int:
    """The multiply-adds of the forward pass in its matrix products, without the transforms."""
    tiles, O = count_tiles(y_shape), y_shape[1]
    tile = best_tile(tiles, channels, O)
    return tiles[tile] * (tile + 2) ** 2 * channels * O
