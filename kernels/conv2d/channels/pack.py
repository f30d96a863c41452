"""Copies between images and what tiles read and write: weights with output channels adjacent,
planes with their padding, sums of vectors.
"""

from ...jit import kernel
from ...thread_pool import shared
from ...vector_copy import copy_run
from .tile import transpose_sums, transpose_weights


@kernel
def pack_all_weights(w, matrix, form, sizes, packed, pool, first, last):
    """Pack some blocks of output channels, numbered through all groups."""
    if shared(pool, first, last):
        return
    size = sizes.weights * sizes.lanes
    for item in range(first, last):
        pack_weights(w, matrix, form, sizes, item, packed[item * size : (item + 1) * size])


@kernel
def pack_weights(w, matrix, form, sizes, item, packed):
    """packed[k, lane] = w[g, r, k] for k = (term, tap) and the output channels r of a block, zero
    beyond the last; an output channel has as many lanes as a vector has positions.
    """
    _, R, C, row_step, term_step = matrix
    lanes, share, K = sizes.lanes, len(form.share), sizes.weights
    channels, T = lanes // share, K // C
    g, row = item // sizes.blocks, item % sizes.blocks * channels
    at = g * max(R * row_step, C * term_step) + row * row_step
    whole = row + channels <= R
    if whole and row_step == 1 and share == 1:
        for c in range(C):
            copy_run(w, at + c * term_step, packed, c * lanes, lanes)
        return
    # The weights of all terms are adjacent in a row, or those of a term.
    terms, count = (1, K) if term_step == T else (C, T)
    for c in range(terms):
        source, to, done = at + c * term_step, c * T * lanes, 0
        if whole and count >= lanes:
            for begin in range(0, count, lanes):
                k = min(begin, count - lanes)
                transpose_weights(form, w, source + k, row_step, packed, to + k * lanes)
            done = count
        elif whole:
            # What a square packs beyond the taps of a term is overwritten by the next one.
            inside = source + (channels - 1) * row_step + lanes <= len(w)
            if inside and to + lanes * lanes <= len(packed):
                transpose_weights(form, w, source, row_step, packed, to)
                done = count
        for k in range(done, count):
            for lane in range(lanes):
                r = lane // share
                number = w[source + r * row_step + k] if row + r < R else 0
                packed[to + k * lanes + lane] = number


@kernel
def copy_planes(x, at, sizes, first, rows, image):
    """image[c, q, m] = x[at + c, first + q, m + left] for q < rows, zero outside of x.

    at: the offset of the first of the planes. The columns outside are zero already.
    """
    H, W, pitch = sizes.H, sizes.W, sizes.pitch
    before = min(max(-sizes.left, 0), pitch)
    count = max(min(W - sizes.left, pitch) - before, 0)
    for c in range(sizes.terms):
        for q in range(rows):
            h, to = first + q, (c * sizes.height + q) * pitch
            if h < 0 or h >= H:
                image[to : to + pitch] = 0
            else:
                copy_run(x, at + (c * H + h) * W + before + sizes.left, image, to + before, count)


@kernel
def unpack_sums(form, t, square, lanes, count, y, at, plane, valid):
    """y[at + r * plane + p] = the sum of position p < count and output channel r < valid.

    square: memory for the sums of as many positions as lanes.
    """
    share = len(form.share)
    channels = lanes // share
    if count < lanes:
        for p in range(count):
            for r in range(valid):
                y[at + r * plane + p] = t[p // share * lanes + r * share + p % share]
        return
    for begin in range(0, count, lanes):
        p = min(begin, count - lanes)  # a multiple of share, like count
        if valid == channels:
            transpose_sums(form, t, p // share * lanes, y, at + p, plane)
        else:
            transpose_sums(form, t, p // share * lanes, square, 0, lanes)
            for r in range(valid):
                copy_run(square, r * lanes, y, at + r * plane + p, lanes)
