"""Convolution of images: the forward product and its two gradients.

The set is closed: each of the three is linear in both arguments, and the derivatives of one are the
other two.

    y  = conv2d_forward(x, w)            y[n,o,i,j]    = sum_{c,kh,kw} x[n,c,h,w] * w[o,c,kh,kw]
    gx = conv2d_input_grad(gy, w)        gx[n,c,h,w]   = sum_{o,kh,kw} gy[n,o,i,j] * w[o,c,kh,kw]
    gw = conv2d_weight_grad(x, gy)       gw[o,c,kh,kw] = sum_{n,i,j}   x[n,c,h,w] * gy[n,o,i,j]

    with  h = i * stride + kh * dilation - padding,  the same for w, and x zero outside its (H, W).

Output channels o of group g read the input channels of group g only.
"""

from typing import NamedTuple

import numpy as np

from ..jit import can_compile
from ..twins import NUMBA, Room
from ..window import Window


class Case(NamedTuple):
    """What a twin may choose by: the function, the arrays' type and the layer."""

    function: str
    array: type
    dtype: np.dtype
    x: tuple[int, int, int, int]  # N, C, H, W
    w: tuple[int, int, int, int]  # O, C/groups, KH, KW
    window: Window
    groups: int

    @property
    def macs(self) -> int:
        """Multiply-adds, those with the padding included."""
        O, CG, KH, KW = self.w
        OH, OW = self.window.output_size(*self.x[2:])
        return self.x[0] * O * OH * OW * CG * KH * KW


def _is_large(case: Case) -> bool:
    """Whether compiled code repays its overheads; one channel a group is left to depthwise.py."""
    return case.macs >= 2**20 and not (case.groups > 1 and case.w[1] == 1)


def _is_thin(case: Case) -> bool:
    """Whether groups are too thin for a product of matrices, and enough to fill vectors."""
    return case.groups >= 8 and case.w[1] <= 4 and case.macs >= 2**16


def _is_winograd(case: Case) -> bool:
    """Whether it is a 3x3 convolution of stride 1 in single precision."""
    window = case.window
    return (
        can_compile(case)
        and case.dtype == np.float32
        and (window.kernel, window.stride, window.dilation) == ((3, 3), (1, 1), (1, 1))
        and case.groups == 1
    )


ROOM = Room("conv2d", __name__)
ROOM.register("loops", ".loops")
ROOM.register("numpy", ".im2col")
ROOM.register("numba", ".tiled", can=can_compile, wants=_is_large, needs=NUMBA)
# A quarter of the multiplications: 0.2 to 0.5 of PyTorch's time where images are large, and as fast
# as it at 14 x 14, where direct sums take 1.3 of it (two threads).
ROOM.register("winograd", ".winograd", can=_is_winograd, wants=_is_large, needs=NUMBA)
ROOM.register("direct", ".direct", can=can_compile, wants=_is_thin, needs=NUMBA)


def conv2d_forward(x: np.ndarray, w: np.ndarray, window: Window, groups: int = 1) -> np.ndarray:
    """x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW).

    y[n,o,i,j] = sum over c, kh, kw of x[n,c,h,w] * w[o,c,kh,kw]: a correlation, the kernel is not
    flipped.
    Raises ValueError where shapes, dtypes, window and groups do not fit one another.
    """
    name = "conv2d_forward"
    _check_arrays(name, window, groups, x=x, w=w)
    _check_weight(name, w.shape, window, groups, x.shape[1])
    window.output_size(*x.shape[2:])
    case = Case(name, type(x), x.dtype, x.shape, w.shape, window, groups)
    return ROOM.choose(case).conv2d_forward(x, w, window, groups)


def conv2d_input_grad(
    gy: np.ndarray, w: np.ndarray, window: Window, input_size: tuple[int, int], groups: int = 1
) -> np.ndarray:
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W) with (H, W) = input_size.

    The adjoint of conv2d_forward in x: <gy, conv2d_forward(x, w)> = <x, gx>. Also the transposed
    convolution of gy.
    Raises ValueError where an input of input_size would not have given the (OH, OW) of gy.
    """
    name = "conv2d_input_grad"
    _check_arrays(name, window, groups, gy=gy, w=w)
    C = w.shape[1] * groups
    _check_weight(name, w.shape, window, groups, C)
    if gy.shape[1] != w.shape[0]:
        raise ValueError(
            f"{name}: gy of shape {gy.shape} has {gy.shape[1]} channels, w gives {w.shape[0]}"
        )
    _check_output(name, gy.shape, window, tuple(input_size))
    H, W = input_size
    case = Case(name, type(gy), gy.dtype, (len(gy), C, H, W), w.shape, window, groups)
    return ROOM.choose(case).conv2d_input_grad(gy, w, window, (H, W), groups)


def conv2d_weight_grad(
    x: np.ndarray, gy: np.ndarray, window: Window, groups: int = 1
) -> np.ndarray:
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW).

    The adjoint of conv2d_forward in w: <gy, conv2d_forward(x, w)> = <w, gw>.
    Raises ValueError where shapes, dtypes, window and groups do not fit one another.
    """
    name = "conv2d_weight_grad"
    _check_arrays(name, window, groups, x=x, gy=gy)
    N, C, H, W = x.shape
    O = gy.shape[1]
    if C % groups:
        raise ValueError(f"{name}: groups={groups} must divide in_channels={C}")
    shape = (O, C // groups, *window.kernel)
    _check_weight(name, shape, window, groups, C)
    if gy.shape[0] != N:
        raise ValueError(f"{name}: gy has a batch of {gy.shape[0]}, x of {N}")
    _check_output(name, gy.shape, window, (H, W))
    case = Case(name, type(x), x.dtype, x.shape, shape, window, groups)
    return ROOM.choose(case).conv2d_weight_grad(x, gy, window, groups)


def _check_arrays(name: str, window: Window, groups: int, **arrays: np.ndarray) -> None:
    if window.ceil_mode:
        raise ValueError(f"{name}: window.ceil_mode=True is for pooling, a convolution has none")
    if groups < 1:
        raise ValueError(f"{name}: groups={groups} must be at least 1")
    for label, array in arrays.items():
        if array.ndim != 4:
            raise ValueError(f"{name}: {label} must have 4 axes, not the shape {array.shape}")
        if array.dtype.kind != "f":
            raise TypeError(f"{name}: {label} must be floating point, not {array.dtype}")
    (first, a), (second, b) = arrays.items()
    if a.dtype != b.dtype:
        raise TypeError(f"{name}: {first} is {a.dtype} but {second} is {b.dtype}; they must agree")


def _check_weight(name: str, shape: tuple, window: Window, groups: int, C: int) -> None:
    if shape[2:] != window.kernel:
        raise ValueError(f"{name}: w of shape {shape} must end in window.kernel={window.kernel}")
    if shape[0] % groups:
        raise ValueError(f"{name}: groups={groups} must divide out_channels={shape[0]}")
    if shape[1] * groups != C:
        raise ValueError(
            f"{name}: w of shape {shape} with groups={groups} reads {shape[1] * groups} channels, "
            f"x has {C}"
        )


def _check_output(name: str, shape: tuple, window: Window, input_size: tuple[int, int]) -> None:
    expected = window.output_size(*input_size)
    if shape[2:] != expected:
        raise ValueError(
            f"{name}: gy of shape {shape} must end in {expected}, "
            f"the output size of an input {input_size}"
        )
