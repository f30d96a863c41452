"""The shape of a direct convolution, as its kernels take it."""

from typing import NamedTuple

import numpy as np

from ...machine import machine


class Shape(NamedTuple):
    """A sum over taps of planes: of a forward convolution, or of one of its gradients.

    Each of the VARIANTS below is a type of its own, for which the kernels are compiled when it is
    first used: what its class attributes tell is known then.
    """

    H: int  # size of the planes that a window moves over
    W: int
    OH: int  # size of the planes of its positions
    OW: int
    KH: int
    KW: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    top: int  # padding before the planes
    left: int
    groups: int
    rows: int  # planes of positions in a group
    terms: int  # planes in a group that the window moves over
    w_start: int = 0  # of the first weight, and the steps from one to the next, in elements
    w_group: int = 0
    w_plane: int = 0
    w_term: int = 0
    w_row: int = 0
    w_column: int = 0


KERNELS = 2, 3, 5  # sizes of kernels that are compiled with all taps unrolled


def _variant(kernel: int | None, stride: int | None, share: int) -> type[Shape]:
    name = f"Shape_{kernel or 'any'}_{stride or 'any'}_{share}"
    made = type(name, (Shape,), {"kernel": kernel, "stride": stride, "share": share})
    made.__module__ = __name__
    globals()[name] = made  # where a cached kernel looks for the type
    return made


# By kernel size and stride, where they are known (and the dilation is 1 with a known kernel), and
# the share of a vector register that holds a row of positions.
VARIANTS = {
    (kernel, stride, share): _variant(kernel, stride, share)
    for kernel in (*KERNELS, None)
    for stride in (1, 2, None)
    for share in (1, 2)
    if stride or not kernel
}


def known_shape(*sizes: int, row: int, dtype: np.dtype, stride: tuple | None = None) -> Shape:
    """The shape of these sizes, in the variant that knows most.

    row: the number of positions in a row. stride: that of reads, if it is not the window's.
    """
    shape, lanes = Shape(*sizes), machine().lanes(dtype.itemsize)
    stride = stride or (shape.stride_h, shape.stride_w)
    known = stride[0] if stride in ((1, 1), (2, 2)) else None
    is_dense = shape.dilation_h == shape.dilation_w == 1
    is_plain = known and is_dense and shape.KH == shape.KW in KERNELS and shape.OH >= shape.KH - 1
    share = 2 if row <= lanes // 2 >= 2 else 1
    return VARIANTS[shape.KH if is_plain else None, known, share](*shape)


def row_of(number: float, shape: Shape, dtype: np.dtype) -> np.ndarray:
    """A row of one number that stands for rows outside of planes, longer than a window reaches."""
    reach = (shape.KW - 1) * shape.dilation_w + abs(shape.left)
    row = np.full(reach + 2 * machine().lanes(dtype.itemsize) * shape.stride_w, number, dtype)
    row.flags.writeable = False
    return row
