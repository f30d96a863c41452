"""Depthwise convolution on the GPU: the launches of depthwise.cu and depthwise_weight_grad.cu.

Output channel c * M + m reads input channel c. Memory bandwidth is the limit, not arithmetic: each
of the three products reads its arrays once, except for the halos of its tiles, and writes its
result once.
"""

import numpy as np

from ...cuda.launch import blocks, cuda_module, empty, planned
from .splits import add_parts, parts_for
from .tiles import Taps, whole_warps

THREADS = 256
TARGET_BLOCKS = 1024  # about eight for each of the 132 multiprocessors of an H200
STRIPS = {3: 4, 5: 8, 7: 8}  # outputs per thread: rows of larger windows share more inputs


def forward(x, w, window, groups, bias=None, relu=False):
    """x (N, C, H, W), w (C*M, 1, KH, KW), bias (C*M,) or None -> y (N, C*M, OH, OW)."""
    N, C, H, W = x.shape
    size = window.output_size(H, W)
    y = empty((N, w.shape[0], *size), x.dtype, like=x)
    _apply(x, w, bias, y, C, (window, False, (H, W), size, x.dtype), relu)
    return y


def input_grad(gy, w, window, input_size, groups):
    """gy (N, C*M, OH, OW), w (C*M, 1, KH, KW) -> gx (N, C, H, W), C = groups."""
    gx = empty((len(gy), groups, *input_size), gy.dtype, like=gy)
    _apply(gy, w, None, gx, groups, (window, True, gy.shape[2:], tuple(input_size), gy.dtype))
    return gx


def _apply(source, w, bias, target, C, taps, relu=False):
    if len(source) * C:
        _launch(len(source), C, w.shape[0], taps, bool(relu))(source, w, bias, target)


@planned
def _launch(N, C, O, taps, relu):
    taps, planes = Taps(*taps), N * C
    tile, definitions = settings(taps, planes, O // C)
    tiles_h, tiles_w = tile.counts(taps.outputs)
    grid = blocks(planes, tile.planes) * tiles_h * tiles_w
    values = np.int32(C), np.int32(planes), *taps.arguments(tile), np.bool_(relu)
    kernel = cuda_module("conv2d/cuda/depthwise.cu", **definitions)["depthwise"]
    return kernel.planned((grid,), (definitions["THREADS"],), values)


def settings(taps, planes, multiplier):
    """The tile of a block of depthwise.cu, and the -D settings of the text."""
    # A thread of the gradient writes stride * stride pixels for each element of its strip.
    strip = 2 if taps.gradient and max(taps.window.stride) > 1 else _strip(taps.window)
    tile = taps.best_tile(strip, THREADS, planes)
    return tile, _definitions(taps, tile, multiplier) | {"PAIRS": int(_writes_pairs(taps))}


def weight_grad(x, gy, window, groups):
    """x (N, C, H, W), gy (N, C*M, OH, OW) -> gw (C*M, 1, KH, KW)."""
    splits, launch = _weight_grad_launch(x.shape, gy.shape, x.dtype, window)
    parts = empty((splits, gy.shape[1], 1, *window.kernel), x.dtype, like=x)
    launch(x, gy, parts)
    return add_parts(parts)


@planned
def _weight_grad_launch(x_shape, gy_shape, dtype, window):
    N, C, H, W = x_shape
    O = gy_shape[1]
    taps = Taps(window, False, (H, W), gy_shape[2:], dtype)
    tile, definitions = weight_grad_settings(taps, max(1, N), O // C)
    tiles_h, tiles_w = tile.counts(taps.outputs)
    splits = parts_for(O, blocks(N, tile.planes) * tiles_h * tiles_w, TARGET_BLOCKS)
    values = np.int32(C), np.int32(N), *taps.arguments(tile), np.int32(splits)
    module = cuda_module("conv2d/cuda/depthwise_weight_grad.cu", **definitions)
    kernel = module["depthwise_weight_grad"]
    return splits, kernel.planned((O * splits,), (definitions["THREADS"],), values)


def weight_grad_settings(taps, images, multiplier):
    """The tile of a block of depthwise_weight_grad.cu, and the -D settings of the text."""
    # The sums of the warps also need shared memory.
    tile = taps.best_tile(_strip(taps.window), THREADS, images, shared_limit=32 * 1024)
    return tile, _definitions(taps, tile, multiplier)


def _definitions(taps, tile, multiplier):
    threads = whole_warps(tile.threads)
    return taps.definitions(tile) | {
        "PLANES": tile.planes,
        "THREADS": threads,
        "MULTIPLIER": multiplier,
    }


def _writes_pairs(taps) -> bool:
    """Whether a thread writes two adjacent pixels of each row, at an even offset."""
    columns = taps.window.stride[1]
    return taps.gradient and columns == 2 and taps.written[1] % 2 == 0 and taps.dtype == np.float32


def _strip(window) -> int:
    return STRIPS.get(window.kernel[0], 4)
