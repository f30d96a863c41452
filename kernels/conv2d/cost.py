"""The cost model of convolutions: from counted operations and bytes to seconds.

An implementation takes the time of its arithmetic, at the rate that it reaches, the time of the
bytes that it moves besides, at the rate of the cache level that holds them, and a start-up time:

    seconds = start + operations / (share * peak) + bytes / bandwidth

Products are counted as the kernels compute them: with whole micro-tiles and whole vectors, padding
included. All numbers are of one core: the choice does not depend on the number of threads, so that
results do not either. What a processor does is in SPEEDS, by instruction set, and what an
implementation reaches of it is in its function. A model that is wrong costs time, never a result;
`tune` replaces it by measurements.

Source: Williams, Waterman, Patterson (2009), Roofline: An Insightful Visual Performance Model.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from ..machine import Machine, machine
from .forms import COVERED, form_of
from .lanes import run_of, share_of


class Speed(NamedTuple):
    """What one core does in a cycle, float32."""

    hertz: float  # cycles per second
    operations: float  # additions and multiplications
    l2: float  # bytes to and from the second-level cache
    l3: float
    memory: float


SPEEDS = {
    "avx512": Speed(3.5e9, 32.0, 32.0, 12.0, 5.0),
    "avx2": Speed(3.5e9, 32.0, 32.0, 12.0, 5.0),
    "sse": Speed(3.0e9, 8.0, 16.0, 8.0, 4.0),
    "neon": Speed(3.0e9, 16.0, 16.0, 8.0, 4.0),
}


class Work(NamedTuple):
    """The counted work of one implementation on one case.

    operations: of vectors and products, padding included; share: of the peak that they reach;
    moved: bytes besides operands in the first-level cache; at_once: bytes that are in use together;
    start: seconds before the first of them.
    """

    operations: float
    share: float
    moved: float
    at_once: float
    start: float


def seconds(work: Work, itemsize: int, host: Machine | None = None) -> float:
    """The time that the work takes on one core.

    itemsize: bytes of a number; host: the machine, by default the one that kernels are compiled
    for.
    """
    host = host or machine()
    speed = SPEEDS[host.instructions]
    rate = speed.memory
    if work.at_once <= host.l2.size:
        rate = speed.l2
    elif work.at_once <= host.l3.size:
        rate = speed.l3
    arithmetic = work.operations / (work.share * speed.operations * 4 / itemsize)
    return work.start + (arithmetic + work.moved / rate) / speed.hertz


def roofline(case, host: Machine | None = None) -> float:
    """The least time of a direct convolution on one core: its operations at the peak, or its arrays
    from and to memory.
    """
    arrays = _arrays(case)
    itemsize = case.dtype.itemsize
    operations = seconds(Work(2 * case.macs, 1.0, 0, 0, 0), itemsize, host)
    return max(operations, seconds(Work(0, 1.0, arrays, math.inf, 0), itemsize, host))


class Shape(NamedTuple):
    """The product of a direction as matrices, per group: rows x terms times terms x columns."""

    rows: int
    terms: int
    columns: int


def shape_of(case) -> Shape:
    """The matrices of a case: columns are positions, in the weight gradient input channels."""
    N, _, H, W = case.x
    O, CG, KH, KW = case.w
    OG, taps = O // case.groups, KH * KW
    positions = N * math.prod(case.window.output_size(H, W))
    if case.function == "conv2d_forward":
        return Shape(OG, CG * taps, positions)
    if case.function == "conv2d_input_grad":
        # Each stride-th input reads the same taps.
        sh, sw = case.window.stride
        read = -(-taps // (sh * sw))
        return Shape(CG, OG * read, N * H * W * taps // (sh * sw * read))
    return Shape(OG, positions, CG * taps)


def _arrays(case) -> float:
    """The bytes of input, weights and output."""
    N, C, H, W = case.x
    O = case.w[0]
    outputs = N * O * math.prod(case.window.output_size(H, W))
    return case.dtype.itemsize * (N * C * H * W + math.prod(case.w) + outputs)


def _up(count: int, step: int) -> int:
    """count, rounded up to whole steps."""
    return -(-count // step) * step


# Seconds to call a compiled kernel, with a share in the time to compile it once: products of a few
# thousand multiply-adds are left to NumPy.
COMPILED = 3e-5


def loops(case) -> Work:
    """Interpreted: about a microsecond for a multiply-add."""
    return Work(0, 1.0, 0, 0, 1e-4 + 1e-6 * case.macs)


def im2col(case) -> Work:
    """BLAS on columns that NumPy writes and BLAS reads; groups one after the other. Those of
    an input gradient are added to it, those of a weight gradient are transposed besides. A kernel
    that covers its whole image has no columns, but thin products.
    """
    if form_of(case.window, case.x[2:], case.groups, case.w[1]) == COVERED:
        return Work(2 * case.macs, 0.4, _arrays(case), _arrays(case), 1e-5)
    rows, terms, columns = shape_of(case)
    taken = case.dtype.itemsize * case.groups * case.macs // max(1, case.w[0])
    start = 2e-5 + 1e-6 * case.groups * case.w[2] * case.w[3]
    share = 0.6 if min(rows, terms, columns) > 8 else 0.3
    passes = {"conv2d_forward": 4, "conv2d_input_grad": 6, "conv2d_weight_grad": 8}[case.function]
    if case.function == "conv2d_input_grad" and case.window.stride != (1, 1):
        passes = 9  # columns are added to numbers that lie apart
    return Work(2 * case.macs, share, passes * taken + _arrays(case), taken + _arrays(case), start)


def gemm(case) -> Work:
    """Micro-tiles of MR x NR, on panels that are packed once, across images; a weight gradient and
    a 1x1 kernel read rows as they are, the gradient of a strided input is written with gaps.
    """
    host, itemsize = machine(), case.dtype.itemsize
    rows, terms, columns = shape_of(case)
    lanes, MR = host.lanes(itemsize), 8 if host.registers == 32 else 4
    packed = itemsize * case.groups * terms * (columns + rows)
    start = COMPILED + 1e-5 + 1e-6 * case.groups
    is_weight_grad = case.function == "conv2d_weight_grad"
    part = lanes if is_weight_grad else max(1, lanes // 2)  # a last half of a vector
    operations = 2 * case.groups * _up(rows, MR) * terms * _up(columns, part)
    passes = 1.5 if is_weight_grad or case.w[2:] == (1, 1) else 3
    if is_weight_grad and case.groups == 1 and case.w[1] < lanes:
        passes = 0.5  # all taps are adjacent, and most bytes are of gy, read in place
    has_gaps = case.function == "conv2d_input_grad" and case.window.stride != (1, 1)
    share = (0.75 if case.w[2:] == (1, 1) else 0.6) if has_gaps else 0.8
    if case.window.covers(*case.x[2:]):
        share = 0.25  # rows of one position
    return Work(operations, share, passes * packed, _arrays(case), start)


# The time to transform one number of Winograd's, and to load and store a sum, in multiply-adds of a
# product.
TRANSFORM, SUM = 9, 5


def winograd(case) -> Work:
    """The products at all points, and the transforms, of the best tile size."""
    N, C, H, W = case.x
    O = case.w[0]
    backward = case.function == "conv2d_input_grad"
    size = (H, W) if backward else case.window.output_size(H, W)
    lanes, times = machine().lanes(case.dtype.itemsize), []
    for tile in (2, 3, 4):
        points, tiles = (tile + 2) ** 2, N * -(-size[0] // tile) * -(-size[1] // tile)
        transforms = C * _up(O, lanes) + tiles * (_up(C, lanes) + _up(O, lanes))
        depth, rows = (O, C) if backward else (C, O)
        products = tiles * _up(rows, lanes) * (depth + SUM)
        times.append(points * (products + TRANSFORM * transforms))
    return Work(2 * min(times), 0.8, 0, 0, COMPILED + 1e-5)


def direct(case) -> Work:
    """Sums in registers along rows of results, rounded up to vectors; taps are read in place, by
    every second number for a stride of two, and number by number for larger ones. A window on one
    plane slides down strips, which read each row once, for all rows of taps. One on several planes
    adds them to tiles, whose rows of taps read rows again: three quarters of the strips' rate.
    """
    if case.function == "conv2d_weight_grad":
        return _direct_weight_grad(case)
    row = case.window.output_size(*case.x[2:])[1]
    moved, (rows, terms, columns) = _arrays(case), shape_of(case)
    share = _share_of_sums(case) * (1 if _one_plane(case) else 0.75)
    if case.function == "conv2d_input_grad":
        row = case.x[3]
        if case.window.stride == (2, 2):  # its even and odd columns have sums of their own
            share, row = 0.6, -(-row // 2)
    if terms // (case.w[2] * case.w[3]) * row * case.dtype.itemsize > machine().l1.size // 2:
        moved *= max(1, rows // 4)  # each few rows of weights read all planes again
    if case.x[0] * case.groups == 1:
        share *= 0.85  # threads share images and groups
    operations = 2 * case.groups * rows * terms * columns * _padding(row, case)
    return Work(operations, share, moved, _arrays(case), COMPILED)


def _one_plane(case) -> bool:
    """Whether each result is a sum over one plane."""
    outputs = case.w[0] // case.groups
    return (case.w[1] if case.function == "conv2d_forward" else outputs) == 1


def _direct_weight_grad(case) -> Work:
    """A vector of sums for each weight, which is loaded and stored for each plane."""
    row = case.window.output_size(*case.x[2:])[1]
    sums = 2 * math.prod(case.w) * machine().vector_bytes
    moved = _arrays(case) + 2 * case.x[0] * sums
    operations = 2 * case.macs * _padding(row, case)
    return Work(operations, _share_of_sums(case), moved, _arrays(case) + sums, COMPILED)


def _share_of_sums(case) -> float:
    """Of the peak: limited by loads, where a number serves few taps."""
    return min({1: 0.7, 2: 0.45}.get(max(case.window.stride), 0.03), 0.2 * case.w[2])


def _padding(row: int, case) -> float:
    """The number of positions computed for each of a row: whole vectors, or half of one."""
    lanes = machine().lanes(case.dtype.itemsize)
    return _up(row, lanes // 2 if row <= lanes // 2 else lanes) / max(row, 1)


def channels(case) -> Work:
    """Sums in registers for vectors of output channels, from a copy of the planes with padding.
    Rows of outputs are rounded up to runs. A weight gradient is that of `gemm`.
    """
    if case.function == "conv2d_weight_grad":
        work = gemm(case)
        return work._replace(start=1.01 * work.start)
    itemsize, (N, C, H, W), (_, sw) = case.dtype.itemsize, case.x, case.window.stride
    rows, terms, columns = shape_of(case)
    OH, OW = case.window.output_size(H, W)
    forward = case.function == "conv2d_forward"
    widths = [OW] if forward else [-(-W // sw), max(W // sw, 1)]
    share = share_of(rows, widths, itemsize, *((sw, 1) if forward else (1, sw)))
    lanes, run = machine().lanes(itemsize) // share, share * run_of(widths, share)
    blocks = -(-rows // lanes)
    operations = (
        2 * case.groups * blocks * lanes * terms * columns * _up(widths[0], run) / widths[0]
    )
    copied = N * C * H if forward else N * case.w[0] * OH
    start = COMPILED + 1e-5 + 3e-9 * copied
    moved = 2 * (_arrays(case) + N * itemsize * math.prod(case.w))  # each image reads all weights
    share = 0.92 if blocks > 1 else 0.85
    if machine().registers < 32:  # fewer sums for each load
        share -= 0.13
    if case.window.covers(H, W):
        share = 0.25  # rows of one position
    return Work(operations, share, moved, _arrays(case), start)


WORK: dict[str, Callable[..., Work]] = {
    "loops": loops,
    "numpy": im2col,
    "numba": gemm,
    "winograd": winograd,
    "direct": direct,
    "channels": channels,
}
