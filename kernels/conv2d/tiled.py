"""Convolution tile by tile: im2col in compiled code, the tiles spread over the cores.

The arithmetic is that of im2col.py:

    columns = im2col(x)         (K, T),  K = C/groups * KH * KW,  T the positions of a tile
    y       = w @ columns       [o,k][k,t] -> [o,t]          forward
    gx      = col2im(w^T @ gy)  [k,o][o,t] -> [k,t]          input gradient
    gw      = gy @ columns^T    [o,t][t,k] -> [o,k]          weight gradient

What is faster: a tile's columns are written in one pass over its input lines and multiplied by the
same thread while they lie in its cache. A line is a row of padded input whose columns are dealt out
to `stride` phases, so that what one tap reads for neighbouring outputs are neighbours, whatever the
stride, and no tap looks for borders. A 1x1 kernel of stride 1 has x itself for columns.

Who owns what: a block of the forward owns a tile of y, a block of a gradient some channels of gx or
gw, for which it passes over tiles one after another. Sums over a batch are split into parts whose
number depends on the shapes alone, and the parts are added in order.
"""

import numpy as np

from ..jit import kernel
from ..threads import parallel_for
from ..workspace import LIMIT, cut, scratch
from .im2col import gather, is_pointwise, scatter

TILE = 2**20  # bytes of columns: half of a common second-level cache
LEAST = 256  # columns in a tile even so: with fewer, reading w again outlasts the product
BLOCKS = 8  # a large layer is cut into at least so many, for as many threads
LITTLE = 2**24  # multiply-adds of a block that is not worth cutting: a tenth of a millisecond
THIN = 64  # rows of a matrix that is not worth cutting


def conv2d_forward(x, w, window, groups=1):
    """x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    O, CG, KH, KW = w.shape
    return _forward(x, w.reshape(groups, O // groups, CG * KH * KW), window)


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    N, O, OH, OW = gy.shape
    _, CG, KH, KW = w.shape
    OG, taps = O // groups, KH * KW
    matrix = w.reshape(groups, OG, CG * taps).swapaxes(1, 2)
    if is_pointwise(window):
        return _forward(gy, matrix, window)
    gy = np.ascontiguousarray(gy)
    gx = np.zeros((N, groups * CG, *input_size), gy.dtype)
    images = cut(N, -(-LEAST // (OH * OW)))
    pieces = _pieces(gy.size * CG * taps, len(images) * groups)
    channels = cut(CG, max(-(-CG // pieces), THIN // taps))
    owners = [(n, g, c) for n in images for g in range(groups) for c in channels]

    def task(index):
        n, g, c = owners[index]
        weight = matrix[g, c.start * taps : c.stop * taps]
        for tile in _tiles(n, slice(0, OH), OW, len(weight) * gy.itemsize):
            part = _matrix(gy, _shifted(slice(0, OG), g * OG), tile)
            columns = scratch("columns", (len(weight), part.shape[1]), gy.dtype)
            np.matmul(weight, part, out=columns)
            col2im(columns, *_geometry(window, tile, _shifted(c, g * CG), gy.dtype), gx)

    parallel_for(task, len(owners))
    return gx


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    N, O, OH, OW = gy.shape
    OG, CG, taps = O // groups, x.shape[1] // groups, window.kernel[0] * window.kernel[1]
    x, gy = np.ascontiguousarray(x), np.ascontiguousarray(gy)
    pieces = _pieces(gy.size * CG * taps, groups)
    channels = cut(CG, max(-(-CG // pieces), THIN // taps))
    parts = _parts(N, OH, -(-pieces // max(1, len(channels))))
    sums = np.empty((len(parts), groups, OG, CG * taps), x.dtype)
    owners = [(p, g, c) for p in range(len(parts)) for g in range(groups) for c in channels]

    def task(index):
        p, g, c = owners[index]
        total = sums[p, g, :, c.start * taps : c.stop * taps]
        for number, tile in enumerate(_tiles(*parts[p], OW, total.shape[1] * x.itemsize)):
            part = _matrix(gy, _shifted(slice(0, OG), g * OG), tile)
            columns = _columns(x, window, _shifted(c, g * CG), tile)
            if number == 0:
                np.matmul(part, columns.T, out=total)
            else:
                product = scratch("product", total.shape, x.dtype)
                total += np.matmul(part, columns.T, out=product)

    parallel_for(task, len(owners))
    return sums.sum(0).reshape(O, CG, *window.kernel)


def _forward(x, matrix, window):
    """x (N, C, H, W), matrix (groups, O/groups, K) -> y (N, O, OH, OW)."""
    N, C, H, W = x.shape
    groups, OG, K = matrix.shape
    OH, OW = window.output_size(H, W)
    x = np.ascontiguousarray(x)
    y = np.empty((N, groups * OG, OH, OW), x.dtype)
    pieces = _pieces(y.size * K)
    tiles = list(_tiles(slice(0, N), slice(0, OH), OW, K * x.itemsize, N * OH * OW // pieces))
    outputs = cut(OG, max(-(-OG * len(tiles) * groups // pieces), THIN))
    blocks = [(g, tile, o) for tile in tiles for g in range(groups) for o in outputs]

    def task(index):
        g, tile, o = blocks[index]
        columns = _columns(x, window, slice(g * C // groups, (g + 1) * C // groups), tile)
        weight, o = matrix[g, o], _shifted(o, g * OG)
        if _is_in_place(tile, OW):
            np.matmul(weight, columns, out=_matrix(y, o, tile))
            return
        product = scratch("product", (len(weight), columns.shape[1]), y.dtype)
        np.matmul(weight, columns, out=product)
        images, rows, cols = tile
        scatter(product, y[images, o, rows, cols])

    parallel_for(task, len(blocks))
    return y


def _columns(x, window, channels, tile):
    """x (N, C, H, W) -> (K, T): what the outputs of a tile read of some channels."""
    if is_pointwise(window):
        return _matrix(x, channels, tile, "columns")
    count = (channels.stop - channels.start) * window.kernel[0] * window.kernel[1]
    columns = scratch("columns", (count, _positions(tile)), x.dtype)
    im2col(_read_only(x), *_geometry(window, tile, channels, x.dtype), columns)
    return columns


def _matrix(y, channels, tile, name="gathered"):
    """y (N, O, OH, OW) -> (O', T): some channels at the positions of a tile, y itself if it can."""
    images, rows, cols = tile
    if not _is_in_place(tile, y.shape[3]):
        return gather(y[images, channels, rows, cols], 1, name)[0]
    OW = y.shape[3]
    planes = y[images.start, channels].reshape(channels.stop - channels.start, -1)
    return planes[:, rows.start * OW : rows.stop * OW]


def _is_in_place(tile, OW):
    """Whether a tile's positions follow one another in each plane: whole rows of one image."""
    images, _, cols = tile
    return images.stop - images.start == 1 and cols.stop - cols.start == OW


def _positions(tile):
    images, rows, cols = (at.stop - at.start for at in tile)
    return images * rows * cols


def _pieces(macs, already=1):
    """Into how many pieces to cut each of `already` parts of so many multiply-adds altogether."""
    return max(1, min(-(-BLOCKS // max(already, 1)), macs // LITTLE))


def _parts(N, OH, count):
    """About `count` parts (images, rows) of a batch."""
    per_image = -(-count // max(N, 1))
    return [(n, r) for n in cut(N, -(-N // count)) for r in cut(OH, -(-OH // per_image))]


def _tiles(images, rows, OW, column_bytes, most=None):
    """Cut (images, rows, OW) into tiles of about TILE bytes of columns, of at most `most` columns.

    Whole images where they fit, else rows of one image, else parts of a row.
    """
    size = max(1, column_bytes)
    columns = max(1, min(max(LEAST, min(TILE // size, most or TILE)), LIMIT // size))
    OH = rows.stop - rows.start
    for n in cut(images.stop - images.start, columns // (OH * OW)):
        for r in cut(OH, columns // OW):
            for c in cut(OW, columns):
                yield _shifted(n, images.start), _shifted(r, rows.start), c


def _shifted(at, by):
    return slice(at.start + by, at.stop + by)


def _read_only(array):
    """A view that nobody can write to: one type of argument, so that a kernel compiles once."""
    view = array.view()
    view.flags.writeable = False
    return view


def _geometry(window, tile, channels, dtype):
    """What the kernels below take as `box`, `window` and `lines`."""
    (KH, KW), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    (top, _), (left, _) = window.padding
    images, rows, cols = tile
    box = tuple(end for at in (images, channels, rows, cols) for end in (at.start, at.stop))
    height = (rows.stop - rows.start - 1) * sh + (KH - 1) * dh + 1
    width = cols.stop - cols.start + (KW - 1) * dw // sw
    lines = scratch("lines", (height, sw, width), dtype)
    return box, (KH, KW, sh, sw, dh, dw, top, left), lines


@kernel
def im2col(x, box, window, lines, columns):
    """Fill columns (K, T) with what the outputs in `box` (of x's channels there) read of x."""
    n0, n1, c0, c1, i0, i1, j0, j1 = box
    KH, KW, sh, sw, dh, dw, _, _ = window
    rows, width = i1 - i0, j1 - j0
    for n in range(n0, n1):
        for c in range(c0, c1):
            _read_lines(x[n, c], i0, j0, window, lines)
            for kh in range(KH):
                for kw in range(KW):
                    phase, shift = kw * dw % sw, kw * dw // sw
                    column = columns[((c - c0) * KH + kh) * KW + kw]
                    for i in range(rows):
                        start = ((n - n0) * rows + i) * width
                        to = column[start : start + width]
                        line = lines[i * sh + kh * dh, phase, shift : shift + width]
                        for j in range(width):
                            to[j] = line[j]


@kernel
def col2im(columns, box, window, lines, gx):
    """The adjoint of im2col: add each column to the elements of gx that it was read from."""
    n0, n1, c0, c1, i0, i1, j0, j1 = box
    KH, KW, sh, sw, dh, dw, _, _ = window
    rows, width = i1 - i0, j1 - j0
    for n in range(n0, n1):
        for c in range(c0, c1):
            lines[:] = 0
            for kh in range(KH):
                for kw in range(KW):
                    phase, shift = kw * dw % sw, kw * dw // sw
                    column = columns[((c - c0) * KH + kh) * KW + kw]
                    for i in range(rows):
                        start = ((n - n0) * rows + i) * width
                        taken = column[start : start + width]
                        line = lines[i * sh + kh * dh, phase, shift : shift + width]
                        for j in range(width):
                            line[j] += taken[j]
            _add_lines(lines, i0, j0, window, gx[n, c])


@kernel
def _read_lines(plane, i0, j0, window, lines):
    """lines[q, p, m] = plane[i0 * sh - top + q, (j0 + m) * sw - left + p], zero in the padding."""
    H, W = plane.shape
    KH, KW, sh, sw, dh, dw, top, left = window
    for q in range(lines.shape[0]):
        if dh == 1 and q % sh >= KH:
            continue  # between two windows: no tap reads it
        h = i0 * sh - top + q
        for p in range(sw):
            if dw == 1 and p >= KW:
                continue
            line = lines[q, p]
            first = j0 * sw - left + p
            # the m whose column first + m * sw lies within 0 ... W - 1
            start = min(max(-(first // sw), 0), len(line))
            stop = max(min((W - 1 - first) // sw + 1, len(line)), start)
            if h < 0 or h >= H:
                start = stop = len(line)
            line[:start] = 0
            line[stop:] = 0
            row = plane[h if start < stop else 0]
            if sw == 1:
                source = row[first + start : first + stop]
                for m in range(stop - start):
                    line[start + m] = source[m]
            else:
                for m in range(start, stop):
                    line[m] = row[first + m * sw]


@kernel
def _add_lines(lines, i0, j0, window, plane):
    """The adjoint of _read_lines: plane[...] += lines[q, p, m] wherever that is not padding."""
    H, W = plane.shape
    KH, KW, sh, sw, dh, dw, top, left = window
    for q in range(lines.shape[0]):
        h = i0 * sh - top + q
        if h < 0 or h >= H or (dh == 1 and q % sh >= KH):
            continue
        row = plane[h]
        for p in range(sw):
            if dw == 1 and p >= KW:
                continue
            line = lines[q, p]
            first = j0 * sw - left + p
            start = min(max(-(first // sw), 0), len(line))
            stop = max(min((W - 1 - first) // sw + 1, len(line)), start)
            for m in range(start, stop):
                row[first + m * sw] += line[m]
