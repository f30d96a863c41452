"""Pooling of images: the maximum or the mean of each window, and the gradients.

The windows are those of a Window, or adaptive: one per output element, spread evenly over the
input. Padding is never the maximum. An average divides by the number of elements in its window,
including padding by default.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..cuda.array import is_emulated, is_host_array, on_gpu, with_floats
from ..dispatch import COMPILER, CUPY, NUMBA, NUMBA_CUDA, Operator
from ..jit import can_compile
from ..window import Window, taps


def _module_of(name: str):
    """The module of an implementation, imported on first use."""
    if name == "loops":
        from . import loops as module
    elif name == "numpy":
        from . import strided as module
    elif name == "numba":
        from . import compiled as module
    elif name == "numba_cuda":
        from . import numba_cuda as module
    else:
        from . import cuda as module
    return module


OPERATOR = Operator("pool2d", _module_of)
OPERATOR.register("loops")
OPERATOR.register("numpy")
OPERATOR.register("numba", can=can_compile, needs=NUMBA)
OPERATOR.register("numba_cuda", can=on_gpu, needs=NUMBA_CUDA)
OPERATOR.register("emulator", can=with_floats(is_emulated), needs=COMPILER)
OPERATOR.register("cuda", can=with_floats(on_gpu), needs=CUPY)


class Case(NamedTuple):
    """The properties by which an implementation is chosen: function, array type, input, windows."""

    function: str
    array: type
    dtype: np.dtype
    x: tuple[int, int, int, int]  # N, C, H, W
    window: Window | tuple[int, ...]


class MaxPooled(NamedTuple):
    """Maxima, and their positions as flat indices h * W + w into the unpadded planes.

    The indices have the dtype `index_type(H, W)` of loops.py.
    """

    y: np.ndarray
    argmax: np.ndarray


def max_pool2d_forward(x: np.ndarray, window: Window) -> MaxPooled:
    """x (N, C, H, W) -> y (N, C, OH, OW), argmax (N, C, OH, OW).

    Of equal values, the argmax is the first in row-major order. NaN counts as larger than any
    number, and the last NaN is the argmax, as in PyTorch. Padding is -inf and never the argmax.
    Raises ValueError where no window fits x, or where a window covers padding only.
    """
    name = "max_pool2d_forward"
    _check_images(name, "x", x)
    if not _every_window_covers_a_cell(window, *x.shape[2:]):
        raise ValueError(f"{name}: {window} over {x.shape[2:]} has windows that cover padding only")
    implementation = OPERATOR.choose(Case(name, type(x), x.dtype, x.shape, window))
    return MaxPooled(*implementation.max_pool2d_forward(x, window))


def max_pool2d_input_grad(
    gy: np.ndarray,
    argmax: np.ndarray,
    input_size: tuple[int, int],
    window: Window | None = None,
) -> np.ndarray:
    """gy, argmax (N, C, OH, OW) -> gx (N, C, H, W): adds every gy to the input at its argmax.

    gx.flat[argmax] += gy, plane by plane. For every form of max pooling, including adaptive.
    window: of the pooling that found argmax, if it was one. On a GPU each input then gathers from
    the windows that contain it, which is faster than adding output by output.
    Raises IndexError for an argmax outside input_size.
    """
    name = "max_pool2d_input_grad"
    _check_images(name, "gy", gy)
    H, W = input_size
    _check_argmax(name, argmax, (H, W), gy.shape)
    case = Case(name, type(gy), gy.dtype, (*gy.shape[:2], H, W), gy.shape[2:])
    return OPERATOR.choose(case).max_pool2d_input_grad(gy, argmax, (H, W), window)


def max_pool2d_gather(x: np.ndarray, argmax: np.ndarray) -> np.ndarray:
    """x (N, C, H, W), argmax (N, C, OH, OW) -> y (N, C, OH, OW) = x.flat[argmax], plane by plane.

    The adjoint of max_pool2d_input_grad.
    Raises IndexError for an argmax outside the planes of x.
    """
    name = "max_pool2d_gather"
    _check_images(name, "x", x)
    _check_argmax(name, argmax, x.shape[2:], x.shape[:2] + argmax.shape[2:])
    case = Case(name, type(x), x.dtype, x.shape, argmax.shape[2:])
    return OPERATOR.choose(case).max_pool2d_gather(x, argmax)


def avg_pool2d_forward(
    x: np.ndarray,
    window: Window,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> np.ndarray:
    """x (N, C, H, W) -> y (N, C, OH, OW), the sum of each window over its divisor.

    The divisor is divisor_override, else the number of elements of the window inside the input,
    plus those in its padding with count_include_pad. Elements that ceil_mode adds beyond the
    padding never count.
    Raises ValueError where no window fits x or divisor_override is 0.
    """
    name = "avg_pool2d_forward"
    _check_images(name, "x", x)
    _check_divisor(name, divisor_override)
    window.output_size(*x.shape[2:])
    implementation = OPERATOR.choose(Case(name, type(x), x.dtype, x.shape, window))
    return implementation.avg_pool2d_forward(x, window, count_include_pad, divisor_override)


def avg_pool2d_input_grad(
    gy: np.ndarray,
    window: Window,
    input_size: tuple[int, int],
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> np.ndarray:
    """gy (N, C, OH, OW) -> gx (N, C, H, W): each gy over its divisor, added to its window's inputs.

    The adjoint of avg_pool2d_forward.
    Raises ValueError where an input of input_size does not have the output size (OH, OW) of gy.
    """
    name = "avg_pool2d_input_grad"
    _check_images(name, "gy", gy)
    _check_divisor(name, divisor_override)
    H, W = input_size
    expected = window.output_size(H, W)
    if gy.shape[2:] != expected:
        raise ValueError(
            f"{name}: gy of shape {gy.shape} must end in {expected}, "
            f"the output size of an input {(H, W)}"
        )
    implementation = OPERATOR.choose(Case(name, type(gy), gy.dtype, (*gy.shape[:2], H, W), window))
    return implementation.avg_pool2d_input_grad(
        gy, window, (H, W), count_include_pad, divisor_override
    )


def adaptive_avg_pool2d_forward(x: np.ndarray, output_size: tuple[int, int]) -> np.ndarray:
    """x (N, C, H, W) -> y (N, C, OH, OW), (OH, OW) = output_size, the mean of each adaptive window.

    Window i covers rows [floor(i*H/OH), ceil((i+1)*H/OH)), and columns by the same rule;
    neighbouring windows may overlap by a row or column.
    """
    name = "adaptive_avg_pool2d_forward"
    _check_images(name, "x", x)
    _check_adaptive(name, x.shape[2:], output_size)
    implementation = OPERATOR.choose(Case(name, type(x), x.dtype, x.shape, tuple(output_size)))
    return implementation.adaptive_avg_pool2d_forward(x, tuple(output_size))


def adaptive_avg_pool2d_input_grad(gy: np.ndarray, input_size: tuple[int, int]) -> np.ndarray:
    """gy (N, C, OH, OW) -> gx (N, C, H, W) with (H, W) = input_size. The adjoint of the forward."""
    name = "adaptive_avg_pool2d_input_grad"
    _check_images(name, "gy", gy)
    _check_adaptive(name, input_size, gy.shape[2:])
    case = Case(name, type(gy), gy.dtype, (*gy.shape[:2], *input_size), gy.shape[2:])
    return OPERATOR.choose(case).adaptive_avg_pool2d_input_grad(gy, tuple(input_size))


def adaptive_max_pool2d_forward(x: np.ndarray, output_size: tuple[int, int]) -> MaxPooled:
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW), the maximum of each adaptive window.

    Windows are those of adaptive_avg_pool2d_forward, the argmax follows max_pool2d_forward. The
    gradient is max_pool2d_input_grad.
    """
    name = "adaptive_max_pool2d_forward"
    _check_images(name, "x", x)
    _check_adaptive(name, x.shape[2:], output_size)
    implementation = OPERATOR.choose(Case(name, type(x), x.dtype, x.shape, tuple(output_size)))
    return MaxPooled(*implementation.adaptive_max_pool2d_forward(x, tuple(output_size)))


def _check_images(name: str, label: str, array: np.ndarray) -> None:
    if array.ndim != 4:
        raise ValueError(f"{name}: {label} must have 4 axes, not the shape {array.shape}")
    if array.dtype.kind != "f":
        raise TypeError(f"{name}: {label} must be floating point, not {array.dtype}")


def _check_argmax(name: str, argmax: np.ndarray, plane: tuple[int, int], shape: tuple) -> None:
    if argmax.shape != shape:
        raise ValueError(f"{name}: argmax has the shape {argmax.shape}, it must be {shape}")
    if argmax.dtype.kind != "i":
        raise TypeError(f"{name}: argmax must be integer, not {argmax.dtype}")
    if not is_host_array(argmax):
        return  # no check on a GPU, which would have to wait: its kernels skip indices outside
    if argmax.size and not 0 <= argmax.min() <= argmax.max() < plane[0] * plane[1]:
        raise IndexError(f"{name}: argmax holds indices outside of planes of {plane}")


def _check_divisor(name: str, divisor_override: int | None) -> None:
    if divisor_override == 0:
        raise ValueError(f"{name}: divisor_override=0 must not be zero")


def _check_adaptive(name: str, input_size: tuple[int, int], output_size: tuple[int, int]) -> None:
    if min(input_size) < 1:
        raise ValueError(f"{name}: input of size {tuple(input_size)} has no cells to pool")
    if min(output_size) < 0:
        raise ValueError(f"{name}: output_size={tuple(output_size)} must not be negative")


@lru_cache(maxsize=256)
def _every_window_covers_a_cell(window: Window, H: int, W: int) -> bool:
    OH, OW = window.output_size(H, W)
    covered = np.zeros((OH, OW), bool)
    for tap in taps(window, H, W, (0, OH), (0, OW)):
        covered[tap.y] = True
    return bool(covered.all())
