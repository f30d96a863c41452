"""Depthwise and thin grouped convolution in Numba, without a matrix product.

With few channels per group, a product has too few terms to repay building its columns. Here LANES
groups are computed together, one per lane. Their planes are transposed, so that the elements of all
groups are adjacent, and packed with the padding into the stride x stride phases of one flat line;
each position of the line holds one element per group. For all outputs p of a strip of rows, a tap
(c, kh, kw) then reads the line from one offset on, in vectors of groups,

    y[o, p]       = sum over taps of w[o, tap] * line[offset[tap] + p]      forward
    gw[o, tap]    = sum over p of gy[o, p] * line[offset[tap] + p]          weight gradient

for any plane size and stride. The outputs of a row are followed by those of the next; the few
positions in between belong to the padding, and are skipped (forward) or multiplied by 0 (weight
gradient). The input gradient is the first sum over a line of gy, for each phase of gx.
"""

import numpy as np

from ..jit import kernel
from ..micro_kernel import MR, lanes_of, transpose_tile
from ..thread_pool import shared
from ..threads import parallel_ranges
from .finish import finish, finishing
from .tap_vectors import LANES, add_products, move, weighted_sum

LINE_ELEMENTS = 2**15  # elements of a strip's line: it stays in a second-level cache
STRIP_ROWS = 8  # minimum rows of outputs in a strip: rows shared by two strips are copied twice
PARTS = 8  # parts of a batch: their weight gradients are added in order, for any number of threads


def conv2d_forward(x, w, window, groups=1, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) -> y (N, O, OH, OW)."""
    N, _, H, W = x.shape
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    y = np.empty((N, w.shape[0], *window.output_size(H, W)), x.dtype)
    blocks = N * -(-groups // LANES)
    after = finishing(bias, relu, len(w), x.dtype)
    parallel_ranges(_forward, blocks, x.size + y.size, x, w, *_numbers(window), groups, after, y)
    return y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    gy, w = np.ascontiguousarray(gy), np.ascontiguousarray(w)
    gx = np.empty((len(gy), w.shape[1] * groups, *input_size), gy.dtype)
    blocks, size = len(gy) * -(-groups // LANES), gx.size + gy.size
    parallel_ranges(_input_grad, blocks, size, gy, w, *_numbers(window), groups, gx)
    return gx


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    x, gy = np.ascontiguousarray(x), np.ascontiguousarray(gy)
    shape = gy.shape[1], x.shape[1] // groups, *window.kernel
    parts = np.zeros((min(len(x), PARTS), *shape), x.dtype)
    blocks, size = len(parts) * -(-groups // LANES), x.size + gy.size
    parallel_ranges(_weight_grad, blocks, size, x, gy, *_numbers(window), groups, parts)
    return parts.sum(0)


def _numbers(window):
    """Stride, dilation and padding before, each as (rows, columns)."""
    (top, _), (left, _) = window.padding
    return window.stride, window.dilation, (top, left)


@kernel
def _forward(x, w, stride, dilation, before, groups, after, y, pool, first, last):
    if shared(pool, first, last):
        return
    C, O = x.shape[1] // groups, y.shape[1] // groups
    OH, OW = y.shape[2:]
    bias, relu = after
    taps = C * w.shape[2] * w.shape[3]
    offsets, strip, rows, pitch = _layout(C, w.shape[2:], stride, dilation, OH, OW)
    line = np.zeros(C * stride[0] * stride[1] * rows * pitch * LANES, x.dtype)
    out = np.empty(strip * pitch * LANES, x.dtype)
    transposed = np.empty((rows * stride[0] * x.shape[3] + LANES) * LANES, x.dtype)
    weights = np.zeros((O, taps, LANES), x.dtype)
    flat_w, g = w.reshape(len(w), taps), -1
    for item in range(first, last):
        n = item % len(x)
        if g != item // len(x) * LANES:
            g = item // len(x) * LANES
            lanes = min(LANES, groups - g)
            for o in range(O):
                for tap in range(taps):
                    _weights(flat_w[g * O + o :, tap], O, lanes, weights[o, tap])
        for top in range(0, OH, strip):
            height = min(strip, OH - top)
            above = top * stride[0] - before[0]
            _pack_line(
                x, n, g * C, C, lanes, above, before[1], stride, rows, pitch, transposed, line
            )
            for o in range(O):
                positions = (height - 1) * pitch + OW
                weighted_sum(line, offsets, weights[o].reshape(-1), positions, out)
                start = ((n * y.shape[1] + g * O + o) * OH + top) * OW
                for i in range(1, height):
                    move(out, i * pitch, 1, out, i * OW, 1, OW)
                _from_lanes(out, y.reshape(-1), start, O * OH * OW, lanes, height * OW)
                if len(bias) > 0:
                    for lane in range(lanes):
                        channel = (g + lane) * O + o
                        start = ((n * y.shape[1] + channel) * OH + top) * OW
                        finish(y.reshape(-1), start, height * OW, bias[channel], relu)


@kernel
def _weight_grad(x, gy, stride, dilation, before, groups, parts, pool, first, last):
    if shared(pool, first, last):
        return
    N, C, O = len(x), x.shape[1] // groups, gy.shape[1] // groups
    OH, OW = gy.shape[2:]
    offsets, strip, rows, pitch = _layout(C, parts.shape[3:], stride, dilation, OH, OW)
    line = np.zeros(C * stride[0] * stride[1] * rows * pitch * LANES, x.dtype)
    spread = np.zeros(strip * pitch * LANES, x.dtype)  # rows of gy with zeros in between
    size = max(rows * stride[0] * x.shape[3], strip * OW)
    transposed = np.empty((size + LANES) * LANES, x.dtype)
    sums = np.empty((O, len(offsets), LANES), x.dtype)
    blocks = -(-groups // LANES)
    for item in range(first, last):
        part, g = item // blocks, item % blocks * LANES
        lanes = min(LANES, groups - g)
        sums[:] = 0
        for n in range(part * N // len(parts), (part + 1) * N // len(parts)):
            for top in range(0, OH, strip):
                height = min(strip, OH - top)
                above = top * stride[0] - before[0]
                _pack_line(
                    x, n, g * C, C, lanes, above, before[1], stride, rows, pitch, transposed, line
                )
                for o in range(O):
                    start = ((n * gy.shape[1] + g * O + o) * OH + top) * OW
                    _to_lanes(gy.reshape(-1), start, O * OH * OW, lanes, height * OW, transposed)
                    for i in range(height):
                        move(transposed, i * OW, 1, spread, i * pitch, 1, OW)
                    positions = (height - 1) * pitch + OW
                    add_products(line, offsets, spread, positions, sums[o].reshape(-1))
        for o in range(O):
            for lane in range(lanes):
                gw = parts[part, (g + lane) * O + o].reshape(-1)
                for tap in range(gw.size):
                    gw[tap] = sums[o, tap, lane]


@kernel
def _input_grad(gy, w, stride, dilation, before, groups, gx, pool, first, last):
    if shared(pool, first, last):
        return
    C, O = gx.shape[1] // groups, gy.shape[1] // groups
    (KH, KW), (H, W), (sh, sw), (dh, dw) = w.shape[2:], gx.shape[2:], stride, dilation
    # Row q * sh + a of the padded gx is row q of phase a. Tap kh adds row q - kh * dh // sh of gy
    # to it if kh * dh % sh is a.
    height, width = (H - 1 + before[0]) // sh + 1, (W - 1 + before[1]) // sw + 1
    up, back = (KH - 1) * dh // sh, (KW - 1) * dw // sw
    pitch = width + back
    strip = min(height, max(STRIP_ROWS, LINE_ELEMENTS // (O * pitch * LANES)))
    rows = strip + up
    line = np.zeros(O * rows * pitch * LANES, gy.dtype)
    out = np.empty(strip * pitch * LANES, gy.dtype)
    size = max(rows * gy.shape[3], strip * sh * W)
    transposed = np.empty((size + LANES) * LANES, gy.dtype)
    phases = C * sh * sw
    taps = np.zeros(phases, np.int64)
    offsets = np.empty((phases, O * KH * KW), np.int64)
    weights = np.zeros((phases, O * KH * KW, LANES), gy.dtype)
    g = -1
    for item in range(first, last):
        n = item % len(gy)
        if g != item // len(gy) * LANES:
            g = item // len(gy) * LANES
            lanes = min(LANES, groups - g)
            taps[:] = 0
            for tap in range(C * O * KH * KW):
                c, o = tap // (O * KH * KW), tap // (KH * KW) % O
                kh, kw = tap // KW % KH * dh, tap % KW * dw
                phase = (c * sh + kh % sh) * sw + kw % sw
                to = taps[phase]
                offsets[phase, to] = (o * rows + up - kh // sh) * pitch + back - kw // sw
                column = w.reshape(len(w), -1)[g * O + o :, c * KH * KW + tap % (KH * KW)]
                _weights(column, O, lanes, weights[phase, to])
                taps[phase] += 1
        for top in range(0, height, strip):
            above = max(top * sh - before[0], 0)
            below = max(min((top + strip) * sh - before[0], H), above)
            _pack_line(
                gy, n, g * O, O, lanes, top - up, back, (1, 1), rows, pitch, transposed, line
            )
            for phase in range(phases):
                c, a, b = phase // (sh * sw), phase // sw % sh, phase % sw
                positions = (min(strip, height - top) - 1) * pitch + width
                reads, factors = offsets[phase, : taps[phase]], weights[phase].reshape(-1)
                weighted_sum(line, reads, factors, positions, out)
                # the positions q, m of the phase that lie within gx
                left = b - before[1]
                begin = max(0, -(left // sw))
                count = (W - 1 - left) // sw + 1 - begin
                for q in range(min(strip, height - top)):
                    h = (top + q) * sh + a - before[0]
                    if 0 <= h < H:
                        to = (h - above) * W + begin * sw + left
                        move(out, q * pitch + begin, 1, transposed, to, sw, count)
                if phase % (sh * sw) == sh * sw - 1:
                    start = ((n * gx.shape[1] + g * C + c) * H + above) * W
                    size = (below - above) * W
                    _from_lanes(transposed, gx.reshape(-1), start, C * H * W, lanes, size)


@kernel
def _layout(C, size, stride, dilation, OH, OW):
    """The offset of each tap (c, kh, kw) in the line of a strip, and the strip's sizes.

    strip: rows of outputs; rows, pitch: the size of each phase of a plane in the line.
    """
    (KH, KW), (sh, sw), (dh, dw) = size, stride, dilation
    pitch = OW + (KW - 1) * dw // sw
    strip = min(OH, max(STRIP_ROWS, LINE_ELEMENTS // (C * sh * sw * pitch * LANES)))
    rows = strip + (KH - 1) * dh // sh
    offsets = np.empty(C * KH * KW, np.int64)
    for tap in range(offsets.size):
        c, kh, kw = tap // (KH * KW), tap // KW % KH, tap % KW
        phase = (c * sh + kh * dh % sh) * sw + kw * dw % sw
        offsets[tap] = (phase * rows + kh * dh // sh) * pitch + kw * dw // sw
    return offsets, strip, rows, pitch


@kernel
def _pack_line(x, n, channel, C, lanes, top, left, stride, rows, pitch, transposed, line):
    """line[c, a, b, q, m, lane] = x[n, channel + lane * C + c, top + q * sh + a, m * sw + b - left]
    with zeros outside the planes of x; the zeros left and right of them are in the line already.
    """
    H, W = x.shape[2:]
    (sh, sw), at = stride, 0
    above = min(max(top, 0), H)
    below = max(min(top + rows * sh, H), above)
    for c in range(C):
        start = ((n * x.shape[1] + channel + c) * H + above) * W
        _to_lanes(x.reshape(-1), start, C * H * W, lanes, (below - above) * W, transposed)
        for a in range(sh):
            for b in range(sw):
                # the m whose column lies within 0 ... W - 1
                begin = min(max(-((b - left) // sw), 0), pitch)
                end = max(min((W - 1 + left - b) // sw + 1, pitch), begin)
                for q in range(rows):
                    h = top + q * sh + a
                    if 0 <= h < H:
                        source = (h - above) * W + begin * sw + b - left
                        move(transposed, source, sw, line, at + begin, 1, end - begin)
                    else:
                        line[(at + begin) * LANES : (at + end) * LANES] = 0
                    at += pitch


@kernel
def _to_lanes(flat, start, step, lanes, count, to):
    """to[m, lane] = flat[start + lane * step + m] for m < count."""
    wide, done = lanes_of(flat), 0
    if lanes == LANES and count >= wide:
        for m in range(0, count, wide):
            at = min(m, count - wide)
            for lane in range(0, LANES, MR):
                transpose_tile(flat, start + lane * step + at, step, to, at * LANES + lane, LANES)
        done = count
    for lane in range(lanes):
        for m in range(done, count):
            to[m * LANES + lane] = flat[start + lane * step + m]


@kernel
def _from_lanes(lines, flat, start, step, lanes, count):
    """flat[start + lane * step + m] = lines[m, lane] for m < count."""
    done = 0
    if lanes == LANES and count >= MR:
        for m in range(0, count, MR):
            at = min(m, count - MR)
            for lane in range(0, LANES, lanes_of(flat)):
                transpose_tile(
                    lines, at * LANES + lane, LANES, flat, start + lane * step + at, step
                )
        done = count
    for lane in range(lanes):
        for m in range(done, count):
            flat[start + lane * step + m] = lines[m * LANES + lane]


@kernel
def _weights(column, step, lanes, weights):
    """weights[lane] = column[lane * step]"""
    for lane in range(lanes):
        weights[lane] = column[lane * step]
