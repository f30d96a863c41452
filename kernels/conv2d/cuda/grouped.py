"""Convolution in thin groups on the GPU: the launches of grouped.cu and grouped_weight_grad.cu."""

import numpy as np

from ...cuda.launch import blocks, cuda_module, empty, planned
from .splits import add_parts, parts_for
from .tiles import SHARED, Taps, whole_warps

THREADS = 256
TARGET_BLOCKS = 528  # four for each of the 132 multiprocessors of an H200
CHUNK = 8  # input channels in shared memory at once; fewer if the tile would have to shrink
SUMS = 72  # sums that a thread of the weight gradient can keep in registers


def forward(x, w, window, groups, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) or None -> y (N, O, OH, OW)."""
    size = window.output_size(*x.shape[2:])
    y = empty((len(x), w.shape[0], *size), x.dtype, like=x)
    _apply(x, w, bias, y, groups, (window, False, x.shape[2:], size, x.dtype), relu)
    return y


def input_grad(gy, w, window, input_size, groups):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    gx = empty((len(gy), w.shape[1] * groups, *input_size), gy.dtype, like=gy)
    _apply(gy, w, None, gx, groups, (window, True, gy.shape[2:], tuple(input_size), gy.dtype))
    return gx


def _apply(source, w, bias, target, groups, taps, relu=False):
    channels = source.shape[1] // groups, target.shape[1] // groups
    if len(source):
        _launch(len(source), groups, *channels, taps, bool(relu))(source, w, bias, target)


@planned
def _launch(N, groups, IN, OUT, taps, relu):
    taps = Taps(*taps)
    tile, definitions = settings(taps, N, IN, OUT)
    tiles_h, tiles_w = tile.counts(taps.outputs)
    grid = blocks(N, tile.planes) * groups * tiles_h * tiles_w
    values = np.int32(N), np.int32(groups), *taps.arguments(tile), np.bool_(relu)
    kernel = cuda_module("conv2d/cuda/grouped.cu", **definitions)["grouped"]
    return kernel.planned((grid,), (definitions["THREADS"],), values)


def settings(taps, images, IN, OUT):
    """The tile of a block of grouped.cu, and the -D settings of the text."""
    phased = taps.gradient and max(taps.window.stride) > 1
    own = _divisor(OUT, 4 if phased else 8)
    KH, KW = taps.window.kernel
    wanted = max(32, THREADS * own // OUT)
    for chunk in range(min(IN, CHUNK), 0, -1):
        left = SHARED - chunk * KH * KW * (OUT + 4) * taps.dtype.itemsize
        strip = 2 if phased else 4
        tile = taps.best_tile(strip, wanted, images, shared_planes=chunk, shared_limit=left)
        if tile.threads > wanted // 2:
            break
    return tile, taps.definitions(tile) | {
        "IN": IN,
        "OUT": OUT,
        "OWN": own,
        "CHUNK": chunk,
        "IMAGES": tile.planes,
        "THREADS": whole_warps(tile.threads * (OUT // own)),
    }


def weight_grad(x, gy, window, groups):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    splits, launch = _weight_grad_launch(x.shape, gy.shape, x.dtype, window, groups)
    shape = splits, gy.shape[1], x.shape[1] // groups, *window.kernel
    parts = empty(shape, x.dtype, like=x)
    launch(x, gy, parts)
    return add_parts(parts)


@planned
def _weight_grad_launch(x_shape, gy_shape, dtype, window, groups):
    N, C, H, W = x_shape
    IN, OUT = C // groups, gy_shape[1] // groups
    taps = Taps(window, False, (H, W), gy_shape[2:], dtype)
    tile, definitions = weight_grad_settings(taps, max(1, N), IN, OUT)
    tiles_h, tiles_w = tile.counts(taps.outputs)
    uncut = groups * (IN // definitions["BLOCK_IN"]) * (OUT // definitions["BLOCK_OUT"])
    splits = parts_for(uncut, blocks(N, tile.planes) * tiles_h * tiles_w, TARGET_BLOCKS)
    values = np.int32(N), np.int32(groups), *taps.arguments(tile), np.int32(splits)
    module = cuda_module("conv2d/cuda/grouped_weight_grad.cu", **definitions)
    kernel = module["grouped_weight_grad"]
    return splits, kernel.planned((uncut * splits,), (definitions["THREADS"],), values)


def weight_grad_settings(taps, images, IN, OUT):
    """The tile of a block of grouped_weight_grad.cu, and the -D settings of the text."""
    KH, KW = taps.window.kernel
    own_in = _divisor(IN, max(1, min(4, SUMS // (KH * KW))))
    own_out = _divisor(OUT, max(1, min(2, SUMS // (KH * KW * own_in))))
    slices_in, slices_out = _divisor(IN // own_in, 2), _divisor(OUT // own_out, 4)
    slices = slices_in * slices_out
    left = SHARED - THREADS // 32 * own_in * own_out * KH * KW * taps.dtype.itemsize
    tile = taps.best_tile(
        4,
        max(32, THREADS // slices),
        images,
        shared_planes=own_in * slices_in,
        shared_limit=left,
    )
    positions = whole_warps(tile.threads)
    return tile, taps.definitions(tile) | {
        "IN": IN,
        "OUT": OUT,
        "OWN_IN": own_in,
        "OWN_OUT": own_out,
        "BLOCK_IN": own_in * slices_in,
        "BLOCK_OUT": own_out * slices_out,
        "IMAGES": tile.planes,
        "POSITIONS": positions,
        "THREADS": positions * slices,
    }


def _divisor(count, most):
    """The largest divisor of count up to most."""
    return next(d for d in range(min(count, most), 0, -1) if count % d == 0)
