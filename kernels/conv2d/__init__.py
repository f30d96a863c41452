"""Convolution of images: the forward product and its two gradients.

The set is closed: each of the three is linear in both arguments, and its derivatives are the other
two.

    y  = conv2d_forward(x, w)            y[n,o,i,j]    = sum_{c,kh,kw} x[n,c,h,w] * w[o,c,kh,kw]
    gx = conv2d_input_grad(gy, w)        gx[n,c,h,w]   = sum_{o,kh,kw} gy[n,o,i,j] * w[o,c,kh,kw]
    gw = conv2d_weight_grad(x, gy)       gw[o,c,kh,kw] = sum_{n,i,j}   x[n,c,h,w] * gy[n,o,i,j]

    with  h = i * stride + kh * dilation - padding,  the same for w, and x zero outside its (H, W).

Output channels o of group g read the input channels of group g only.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..batch_norm import Moments
from ..cuda.array import is_emulated, on_gpu
from ..dispatch import COMPILER, CUPY, NUMBA, NUMBA_CUDA, Operator
from ..jit import can_compile
from ..window import Window
from . import cost
from .checks import check_channels, check_forward, check_input_grad, check_weight_grad


class Case(NamedTuple):
    """The properties by which an implementation is chosen: function, array type and layer."""

    function: str
    array: type
    dtype: np.dtype
    x: tuple[int, int, int, int]  # N, C, H, W
    w: tuple[int, int, int, int]  # O, C/groups, KH, KW
    window: Window
    groups: int

    @property
    def macs(self) -> int:
        """The number of multiply-adds, including those with the padding."""
        O, CG, KH, KW = self.w
        OH, OW = self.window.output_size(*self.x[2:])
        return self.x[0] * O * OH * OW * CG * KH * KW


def _why_numpy(case: Case) -> str:
    """The reason why no compiled implementation is faster for a case, even if installed."""
    if not can_compile(case):
        return f"kernels are compiled for float32 and float64, not for {case.dtype}"
    return f"{case.macs:,} multiply-adds: too few to repay the start of a compiled kernel"


def _is_three_by_three(case: Case) -> bool:
    window = case.window
    steps = window.stride, window.dilation
    return (
        can_compile(case)
        and case.groups == 1
        and (window.kernel, *steps) == ((3, 3), (1, 1), (1, 1))
    )


def _module_of(name: str):
    """The module of an implementation, imported on first use."""
    if name == "loops":
        from . import loops as module
    elif name == "numpy":
        from . import im2col as module
    elif name == "numba":
        from . import gemm as module
    elif name == "winograd":
        from . import winograd as module
    elif name == "direct":
        from . import direct as module
    elif name == "channels":
        from . import channels as module
    elif name == "numba_cuda":
        from . import numba_cuda as module
    else:
        from . import cuda as module
    return module


def _cost(name: str) -> Callable[[Case], float]:
    """The cost model of an implementation."""
    return lambda case: cost.seconds(cost.WORK[name](case), case.dtype.itemsize)


def _measured(case: Case) -> dict[str, float]:
    from ..tuning import measured  # which imports this module

    return measured(case)


# The implementation with the least time computes a case: measured (`tune`), or by the cost model.
# On a GPU it is the last one that can.
OPERATOR = Operator("conv2d", _module_of, _measured)
OPERATOR.register("loops", why="the definition", cost=_cost("loops"))
OPERATOR.register("numpy", why=_why_numpy, cost=_cost("numpy"))
OPERATOR.register(
    "numba",
    can=can_compile,
    needs=NUMBA,
    why="products of matrices without columns, with sums in registers",
    cost=_cost("numba"),
)
OPERATOR.register(
    "winograd",
    can=_is_three_by_three,
    needs=NUMBA,
    why="down to a quarter of the multiplications, with enough tiles and channels to repay the "
    "transforms",
    cost=_cost("winograd"),
)
OPERATOR.register(
    "direct",
    can=can_compile,
    needs=NUMBA,
    why="few channels per group, too thin for products of matrices: sums in registers over taps "
    "that are read in place",
    cost=_cost("direct"),
)
OPERATOR.register(
    "channels",
    can=can_compile,
    needs=NUMBA,
    why="small images, strides or groups, where rows of outputs fill few vectors: output channels "
    "are the lanes instead",
    cost=_cost("channels"),
)
OPERATOR.register("numba_cuda", can=on_gpu, needs=NUMBA_CUDA, why="CUDA kernels to read, in Python")
OPERATOR.register("emulator", can=is_emulated, needs=COMPILER, why="the CUDA kernels on a CPU")
OPERATOR.register("cuda", can=on_gpu, needs=CUPY, why="the arrays are on a GPU")


def explain(
    x_shape: tuple[int, int, int, int],
    w_shape: tuple[int, int, int, int],
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    dtype=np.float32,
) -> None:
    """Print which implementation computes a convolution on this machine, and why.

    x (N, C, H, W), w (O, C/groups, KH, KW)

    With the time that it takes: measured on this processor (see `tune`) or modelled for one core,
    and as a share of the roofline, the time in which the processor could do the operations of a
    direct sum, or move the arrays. Winograd's algorithm does fewer operations, so its share may
    exceed 100 %.

    The answer depends on the installed packages. Within `use`, it is the forced implementation.

    >>> explain((8, 64, 56, 56), (64, 64, 3, 3), padding=1)
    conv2d_forward      winograd  6.67 ms modelled, 248 % of the roofline: down to a quarter ...
    conv2d_input_grad   winograd  6.67 ms modelled, 248 % of the roofline: down to a quarter ...
    conv2d_weight_grad  winograd  6.67 ms modelled, 248 % of the roofline: down to a quarter ...

    Raises ValueError where shapes and settings do not match, TypeError for a dtype that is not
    floating point, RuntimeError where the forced implementation cannot compute the convolution.
    """
    for case in cases_of(x_shape, w_shape, stride, padding, dilation, groups, dtype):
        name, why = OPERATOR.explain(case)
        expected = _expected(case, name) if name in cost.WORK else ""
        print(f"{case.function:18}  {name:8}  {expected}{why}")


def cases_of(
    x_shape: tuple[int, int, int, int],
    w_shape: tuple[int, int, int, int],
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    dtype=np.float32,
) -> list[Case]:
    """The three directions of a convolution of host arrays; arguments and errors of `explain`."""
    for name, shape in (("x_shape", x_shape), ("w_shape", w_shape)):
        if len(shape) != 4:
            raise ValueError(f"explain: {name}={tuple(shape)} must have 4 axes")
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"explain: dtype={np.dtype(dtype)} must be floating point")
    (N, C, H, W), (O, D, KH, KW) = x_shape, w_shape
    window = Window((KH, KW), stride, padding, dilation)
    check_channels("explain", (N, C, H, W), C, (O, D, KH, KW), groups)
    window.output_size(H, W)
    arrays = np.ndarray, np.dtype(dtype), (N, C, H, W), (O, D, KH, KW)
    functions = "conv2d_forward", "conv2d_input_grad", "conv2d_weight_grad"
    return [Case(function, *arrays, window, groups) for function in functions]


def _expected(case: Case, name: str) -> str:
    """The time of an implementation, measured or modelled, and its share of the roofline."""
    from ..tuning import tuned

    seconds, cores = _measured(case).get(name), tuned().threads
    word = "modelled" if seconds is None else "measured"
    if seconds is None:
        seconds, cores = cost.seconds(cost.WORK[name](case), case.dtype.itemsize), 1
    share = cost.roofline(case) / cores / seconds
    return f"{1e3 * seconds:.3g} ms {word}, {100 * share:.0f} % of the roofline: "


def conv2d_forward(
    x: np.ndarray,
    w: np.ndarray,
    window: Window,
    groups: int = 1,
    bias: np.ndarray | None = None,
    relu: bool = False,
    checked: bool = False,
) -> np.ndarray:
    """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) -> y (N, O, OH, OW).

    y[n,o,i,j] = bias[o] + sum over c, kh, kw of x[n,c,h,w] * w[o,c,kh,kw]: a correlation, since
    the kernel is not flipped. With relu the result is max(y, 0).
    checked: whether the caller has compared shapes, dtypes, window and groups; with arguments that
    do not match, an implementation may then read and write outside of the arrays.
    Raises ValueError or TypeError where they do not match.
    """
    if not checked:
        check_forward(x, w, window, groups, bias)
    case = Case("conv2d_forward", type(x), x.dtype, x.shape, w.shape, window, groups)
    return OPERATOR.choose(case).conv2d_forward(x, w, window, groups, bias, relu)


def conv2d_with_moments(
    x: np.ndarray, w: np.ndarray, window: Window, groups: int = 1, bias: np.ndarray | None = None
) -> tuple[np.ndarray, Moments | None]:
    """conv2d_forward of arguments that match, and the moments of y where the epilogue sums them.

    On a GPU, batch norm then need not read y for its statistics.
    """
    case = Case("conv2d_forward", type(x), x.dtype, x.shape, w.shape, window, groups)
    implementation = OPERATOR.choose(case)
    both: Any = getattr(implementation, "conv2d_with_moments", None)
    if both:
        return both(x, w, window, groups, bias)
    return implementation.conv2d_forward(x, w, window, groups, bias, False), None


def conv2d_input_grad(
    gy: np.ndarray,
    w: np.ndarray,
    window: Window,
    input_size: tuple[int, int],
    groups: int = 1,
    checked: bool = False,
) -> np.ndarray:
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W) with (H, W) = input_size.

    The adjoint of conv2d_forward in x: <gy, conv2d_forward(x, w)> = <x, gx>. Also the transposed
    convolution of gy.
    checked: see conv2d_forward. Raises ValueError where an input of input_size does not have the
    output size (OH, OW) of gy, and as conv2d_forward.
    """
    if not checked:
        check_input_grad(gy, w, window, input_size, groups)
    H, W = input_size
    x_shape = len(gy), w.shape[1] * groups, H, W
    case = Case("conv2d_input_grad", type(gy), gy.dtype, x_shape, w.shape, window, groups)
    return OPERATOR.choose(case).conv2d_input_grad(gy, w, window, (H, W), groups)


def conv2d_weight_grad(
    x: np.ndarray, gy: np.ndarray, window: Window, groups: int = 1, checked: bool = False
) -> np.ndarray:
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW).

    The adjoint of conv2d_forward in w: <gy, conv2d_forward(x, w)> = <w, gw>.
    checked: see conv2d_forward. Raises as conv2d_forward.
    """
    if not checked:
        check_weight_grad(x, gy, window, groups)
    w_shape = gy.shape[1], x.shape[1] // groups, *window.kernel
    case = Case("conv2d_weight_grad", type(x), x.dtype, x.shape, w_shape, window, groups)
    return OPERATOR.choose(case).conv2d_weight_grad(x, gy, window, groups)


def conv2d_gradients(
    x: np.ndarray, w: np.ndarray, gy: np.ndarray, window: Window, groups: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """conv2d_input_grad(gy, w) and conv2d_weight_grad(x, gy), of arguments that match.

    On a GPU the two share what lies between their products.
    """
    arrays = type(x), x.dtype, x.shape, w.shape, window, groups
    for_x = OPERATOR.choose(Case("conv2d_input_grad", *arrays))
    for_w = OPERATOR.choose(Case("conv2d_weight_grad", *arrays))
    both: Any = getattr(for_x, "conv2d_gradients", None)
    if for_x is for_w and both:
        return both(x, w, gy, window, groups)
    gx = for_x.conv2d_input_grad(gy, w, window, x.shape[2:], groups)
    return gx, for_w.conv2d_weight_grad(x, gy, window, groups)
