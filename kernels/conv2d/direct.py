"""Depthwise and thin grouped convolution in Numba, without a matrix product.

With few channels a group a product has too few terms to repay its columns. Here LANES groups are
computed side by side: their planes are copied, with the padding and dealt out to stride x stride
phases, into one flat line whose positions hold a number of each group. What a tap (c, kh, kw) reads
for all outputs p of a strip of rows is then the line from one offset on, for vectors of groups,

    y[o, p]       = sum over taps of w[o, tap] * line[offset[tap] + p]      forward
    gw[o, tap]    = sum over p of gy[o, p] * line[offset[tap] + p]          weight gradient

whatever the size of the planes and the stride. A row's outputs are followed by those of the next;
the few positions in between belong to the padding, and are left out (forward) or multiplied by 0
(weight gradient). The input gradient is the first sum again, of a line of gy, for each phase of gx.
"""

import numpy as np

from ..jit import kernel
from ..threads import parallel_ranges
from .finish import finish, finishing

LANES = 16  # groups side by side: a vector of float32, two of float64
RUN = 16  # positions for which the weights are laid out in the pattern of the line
LINE = 2**15  # numbers of a strip's line: it stays in a second-level cache
ROWS = 8  # of outputs in a strip even so: the rows between two strips are copied twice
PARTS = 8  # of a batch, whose weight gradients are added in order, whoever computed them


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
    """Stride, dilation and padding before, (rows, columns) of each."""
    (top, _), (left, _) = window.padding
    return window.stride, window.dilation, (top, left)


@kernel
def _forward(x, w, stride, dilation, before, groups, after, y, first, last):
    C, O = x.shape[1] // groups, y.shape[1] // groups
    OH, OW = y.shape[2:]
    bias, relu = after
    taps = C * w.shape[2] * w.shape[3]
    offsets, strip, rows, pitch = _layout(C, w.shape[2:], stride, dilation, OH, OW)
    line = np.zeros(C * stride[0] * stride[1] * rows * pitch * LANES, x.dtype)
    out = np.empty(strip * pitch * LANES, x.dtype)
    weights = np.zeros((O, taps, RUN * LANES), x.dtype)
    flat_w, g = w.reshape(len(w), taps), -1
    for item in range(first, last):
        n = item % len(x)
        if g != item // len(x) * LANES:
            g = item // len(x) * LANES
            lanes = min(LANES, groups - g)
            for o in range(O):
                for tap in range(taps):
                    _repeat(flat_w[g * O + o :, tap], O, lanes, weights[o, tap])
        for top in range(0, OH, strip):
            height = min(strip, OH - top)
            above = top * stride[0] - before[0]
            _deal_out(x, n, g * C, C, lanes, above, before[1], stride, rows, pitch, line)
            for o in range(O):
                _weighted_sum(line, offsets, weights[o], out[: ((height - 1) * pitch + OW) * LANES])
                for i in range(height):
                    start = ((n * y.shape[1] + g * O + o) * OH + top + i) * OW
                    sums = out[i * pitch * LANES :]
                    _from_lanes(sums, y.reshape(-1)[start:], O * OH * OW, lanes, 1, OW)
                if len(bias) > 0:
                    for lane in range(lanes):
                        channel = (g + lane) * O + o
                        start = ((n * y.shape[1] + channel) * OH + top) * OW
                        finish(y.reshape(-1), start, height * OW, bias[channel], relu)


@kernel
def _weight_grad(x, gy, stride, dilation, before, groups, parts, first, last):
    N, C, O = len(x), x.shape[1] // groups, gy.shape[1] // groups
    OH, OW = gy.shape[2:]
    offsets, strip, rows, pitch = _layout(C, parts.shape[3:], stride, dilation, OH, OW)
    line = np.zeros(C * stride[0] * stride[1] * rows * pitch * LANES, x.dtype)
    spread = np.zeros(strip * pitch * LANES, x.dtype)  # rows of gy with zeros in between
    sums = np.empty((O, len(offsets), RUN * LANES), x.dtype)
    blocks = -(-groups // LANES)
    for item in range(first, last):
        part, g = item // blocks, item % blocks * LANES
        lanes = min(LANES, groups - g)
        sums[:] = 0
        for n in range(part * N // len(parts), (part + 1) * N // len(parts)):
            for top in range(0, OH, strip):
                height = min(strip, OH - top)
                above = top * stride[0] - before[0]
                _deal_out(x, n, g * C, C, lanes, above, before[1], stride, rows, pitch, line)
                for o in range(O):
                    for i in range(height):
                        start = ((n * gy.shape[1] + g * O + o) * OH + top + i) * OW
                        row = gy.reshape(-1)[start:]
                        _to_lanes(row, O * OH * OW, lanes, 1, OW, spread[i * pitch * LANES :])
                    products = spread[: ((height - 1) * pitch + OW) * LANES]
                    _add_products(line, offsets, products, sums[o])
        for o in range(O):
            for lane in range(lanes):
                gw = parts[part, (g + lane) * O + o].reshape(-1)
                for tap in range(gw.size):
                    total = 0.0
                    for position in range(RUN):
                        total += sums[o, tap, position * LANES + lane]
                    gw[tap] = total


@kernel
def _input_grad(gy, w, stride, dilation, before, groups, gx, first, last):
    C, O = gx.shape[1] // groups, gy.shape[1] // groups
    (KH, KW), (H, W), (sh, sw), (dh, dw) = w.shape[2:], gx.shape[2:], stride, dilation
    # Of the padded gx, row q * sh + a is row q of phase a; the tap kh adds to it row
    # q - kh * dh // sh of gy, if kh * dh % sh is a.
    height, width = (H - 1 + before[0]) // sh + 1, (W - 1 + before[1]) // sw + 1
    up, back = (KH - 1) * dh // sh, (KW - 1) * dw // sw
    pitch = width + back
    strip = min(height, max(ROWS, LINE // (O * pitch * LANES)))
    rows = strip + up
    line = np.zeros(O * rows * pitch * LANES, gy.dtype)
    out = np.empty(strip * pitch * LANES, gy.dtype)
    phases = C * sh * sw
    taps = np.zeros(phases, np.int64)
    offsets = np.empty((phases, O * KH * KW), np.int64)
    weights = np.zeros((phases, O * KH * KW, RUN * LANES), gy.dtype)
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
                _repeat(column, O, lanes, weights[phase, to])
                taps[phase] += 1
        for top in range(0, height, strip):
            _deal_out(gy, n, g * O, O, lanes, top - up, back, (1, 1), rows, pitch, line)
            for phase in range(phases):
                c, a, b = phase // (sh * sw), phase // sw % sh, phase % sw
                sums = out[: ((min(strip, height - top) - 1) * pitch + width) * LANES]
                _weighted_sum(line, offsets[phase, : taps[phase]], weights[phase], sums)
                # the positions q, m of the phase that lie within gx
                left = b - before[1]
                begin = max(0, -(left // sw))
                count = (W - 1 - left) // sw + 1 - begin
                for q in range(min(strip, height - top)):
                    h = (top + q) * sh + a - before[0]
                    if 0 <= h < H and count > 0:
                        start = ((n * gx.shape[1] + g * C + c) * H + h) * W + begin * sw + left
                        done = sums[(q * pitch + begin) * LANES :]
                        _from_lanes(done, gx.reshape(-1)[start:], C * H * W, lanes, sw, count)


@kernel
def _layout(C, size, stride, dilation, OH, OW):
    """Where each tap (c, kh, kw) begins in the line of a strip, and the strip's sizes.

    strip: rows of outputs; rows, pitch: of each phase of a plane in the line.
    """
    (KH, KW), (sh, sw), (dh, dw) = size, stride, dilation
    pitch = OW + (KW - 1) * dw // sw
    strip = min(OH, max(ROWS, LINE // (C * sh * sw * pitch * LANES)))
    rows = strip + (KH - 1) * dh // sh
    offsets = np.empty(C * KH * KW, np.int64)
    for tap in range(offsets.size):
        c, kh, kw = tap // (KH * KW), tap // KW % KH, tap % KW
        phase = (c * sh + kh * dh % sh) * sw + kw * dw % sw
        offsets[tap] = (phase * rows + kh * dh // sh) * pitch + kw * dw // sw
    return offsets, strip, rows, pitch


@kernel
def _deal_out(x, n, channel, C, lanes, top, left, stride, rows, pitch, line):
    """line[c, a, b, q, m, lane] = x[n, channel + lane * C + c, top + q * sh + a, m * sw + b - left]
    with zeros beyond the planes of x, of which those beside them are there already.
    """
    H, W = x.shape[2:]
    (sh, sw), flat = stride, x.reshape(-1)
    at = 0
    for c in range(C):
        for a in range(sh):
            for b in range(sw):
                # the m whose column lies within 0 ... W - 1
                begin = min(max(-((b - left) // sw), 0), pitch)
                end = max(min((W - 1 + left - b) // sw + 1, pitch), begin)
                for q in range(rows):
                    h, to = top + q * sh + a, line[at + begin * LANES :]
                    at += pitch * LANES
                    if 0 <= h < H:
                        start = ((n * x.shape[1] + channel + c) * H + h) * W + begin * sw + b - left
                        _to_lanes(flat[start:], C * H * W, lanes, sw, end - begin, to)
                    else:
                        for k in range((end - begin) * LANES):
                            to[k] = 0


@kernel
def _to_lanes(row, step, lanes, stride, count, to):
    """to[m, lane] = row[lane * step + m * stride] for the first `count` m."""
    for m in range(count):
        numbers, lane_numbers = row[m * stride :], to[m * LANES : (m + 1) * LANES]
        if lanes == LANES:  # a constant, for which a vector is gathered at once
            for lane in range(LANES):
                lane_numbers[lane] = numbers[lane * step]
        else:
            for lane in range(lanes):
                lane_numbers[lane] = numbers[lane * step]


@kernel
def _from_lanes(lines, row, step, lanes, stride, count):
    """row[lane * step + m * stride] = lines[m, lane] for the first `count` m."""
    if count < LANES and lanes == LANES:
        for m in range(count):
            numbers, lane_numbers = row[m * stride :], lines[m * LANES : (m + 1) * LANES]
            for lane in range(LANES):
                numbers[lane * step] = lane_numbers[lane]
    else:
        for lane in range(lanes):
            numbers, lane_numbers = row[lane * step :], lines[lane:]
            if stride == 1:
                for m in range(count):
                    numbers[m] = lane_numbers[m * LANES]
            else:
                for m in range(count):
                    numbers[m * stride] = lane_numbers[m * LANES]


@kernel
def _repeat(column, step, lanes, pattern):
    """pattern[r, lane] = column[lane * step]"""
    for start in range(0, pattern.size, LANES):
        for lane in range(lanes):
            pattern[start + lane] = column[lane * step]


# The loops take nine taps at a time, a 3x3 kernel's, or three, so that a number of `out` or `g` is
# loaded and stored once for them. Indices are unsigned: Numba looks at a signed one for its sign,
# as Python does, and the compiler then makes no vectors.


@kernel
def _weighted_sum(line, offsets, weights, out):
    """out[p, lane] = sum over taps of weights[tap, lane] * line[offsets[tap] + p, lane]"""
    out[:] = 0
    nines, threes = offsets.size // 9 * 9, offsets.size // 3 * 3
    for start in range(0, out.size, RUN * LANES):
        count, s = min(RUN * LANES, out.size - start), np.uint64(start)
        for tap in range(0, nines, 9):
            _add_nine(line, start, offsets, weights, tap, count, out)
        for tap in range(nines, threes, 3):
            a, b, c = _three(offsets, tap, start)
            u, v, w = weights[tap], weights[tap + 1], weights[tap + 2]
            for p in range(count):
                k = np.uint64(p)
                out[s + k] += u[k] * line[a + k] + v[k] * line[b + k] + w[k] * line[c + k]
        for tap in range(threes, offsets.size):
            a, w = np.uint64(start + offsets[tap] * LANES), weights[tap]
            for p in range(count):
                k = np.uint64(p)
                out[s + k] += w[k] * line[a + k]


@kernel
def _three(offsets, tap, start):
    """Where three taps begin to read."""
    return (
        np.uint64(start + offsets[tap] * LANES),
        np.uint64(start + offsets[tap + 1] * LANES),
        np.uint64(start + offsets[tap + 2] * LANES),
    )


@kernel
def _add_nine(line, start, offsets, weights, tap, count, out):
    a, b, c = _three(offsets, tap, start)
    d, e, f = _three(offsets, tap + 3, start)
    g, h, i = _three(offsets, tap + 6, start)
    r, s, t = weights[tap], weights[tap + 1], weights[tap + 2]
    u, v, w = weights[tap + 3], weights[tap + 4], weights[tap + 5]
    x, y, z = weights[tap + 6], weights[tap + 7], weights[tap + 8]
    to = np.uint64(start)
    for p in range(count):
        k = np.uint64(p)
        out[to + k] += (
            (r[k] * line[a + k] + s[k] * line[b + k] + t[k] * line[c + k])
            + (u[k] * line[d + k] + v[k] * line[e + k] + w[k] * line[f + k])
            + (x[k] * line[g + k] + y[k] * line[h + k] + z[k] * line[i + k])
        )


@kernel
def _add_products(line, offsets, g, sums):
    """sums[tap, r, lane] += sum of g[p, lane] line[offsets[tap] + p, lane], p = r, r + RUN, ..."""
    threes = offsets.size // 3 * 3
    for start in range(0, g.size, RUN * LANES):
        count, s = min(RUN * LANES, g.size - start), np.uint64(start)
        for tap in range(0, threes, 3):
            a, b, c = _three(offsets, tap, start)
            u, v, w = sums[tap], sums[tap + 1], sums[tap + 2]
            for p in range(count):
                k = np.uint64(p)
                u[k] += g[s + k] * line[a + k]
                v[k] += g[s + k] * line[b + k]
                w[k] += g[s + k] * line[c + k]
        for tap in range(threes, offsets.size):
            a, u = np.uint64(start + offsets[tap] * LANES), sums[tap]
            for p in range(count):
                k = np.uint64(p)
                u[k] += g[s + k] * line[a + k]
