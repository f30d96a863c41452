"""Activations: an elementwise function y of x, and its derivative times a gradient.

    kind        y                                         settings      y' from
    relu        max(x, 0)                                               y
    relu6       min(max(x, 0), 6)                                       y
    leaky_relu  x where x > 0, a x elsewhere              a             x
    elu         b x where x > 0, b a (e^x - 1) elsewhere  a, b          x
    sigmoid     1 / (1 + e^-x)                                          y
    tanh        tanh x                                                  y
    silu        x sigmoid(x)                                            x
    gelu        x P(X <= x), X standard normal                          x
    gelu_tanh   x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3)     x
    hardswish   x min(max(x + 3, 0), 6) / 6                             x

At a kink the derivative is PyTorch's: the left one, but 0 for relu6 at 6 and 1 for hardswish at 3.
NaN stays NaN, and where y is NaN, relu passes the gradient. Sources: functional/activation.py.
"""

from typing import NamedTuple

import numpy as np

from ..cuda.array import anywhere, is_emulated, on_gpu
from ..dispatch import standard, this_thread
from ..jit import can_compile, has_numba
from ..spelling import nearest
from . import loops, vectorised
from .kinds import KINDS
from .vectorised import GRADIENTS, VALUES

ndarray = np.ndarray
SMALL = 2**14  # elements: for fewer, NumPy takes less time than choosing and calling a kernel
# Numba kernels compute exponentials in float32 only; NumPy is fast for those of float64.
EXPONENTIAL = ("elu", "sigmoid", "tanh", "silu", "gelu", "gelu_tanh")


class Case(NamedTuple):
    """The properties by which an implementation is chosen: kind and array type."""

    kind: str
    array: type
    dtype: np.dtype


def _compiles(case: Case) -> bool:
    return can_compile(case) and (case.dtype == np.float32 or case.kind not in EXPONENTIAL)


def _compiled():
    from . import compiled

    return compiled


def _cuda():
    from . import cuda

    return cuda


OPERATOR = standard(
    "activation", loops, vectorised, _compiled, _cuda, numpy_can=anywhere, numba_can=_compiles
)


def activation_forward(x: np.ndarray, kind: str, *settings: float) -> np.ndarray:
    """x (*) -> y (*).

    Raises ValueError for an unknown kind or another number of settings.
    """
    if KINDS.get(kind) != len(settings):
        raise _refusal("activation_forward", kind, settings)
    if x.size < SMALL and type(x) is ndarray and this_thread.forced is None:
        return VALUES[kind](x, *settings) if settings else VALUES[kind](x)
    return OPERATOR.choose(Case(kind, type(x), x.dtype)).activation_forward(x, kind, *settings)


def activation_backward(
    gy: np.ndarray, kept: np.ndarray, kind: str, *settings: float
) -> np.ndarray:
    """gy, kept (*) -> gx (*) = gy y'. kept: y or x, by the last column of the table.

    Raises ValueError for an unknown kind, another number of settings, or shapes that differ.
    """
    if KINDS.get(kind) != len(settings):
        raise _refusal("activation_backward", kind, settings)
    if gy.shape != kept.shape:
        raise ValueError(
            f"activation_backward: gy has the shape {gy.shape}, kept {kept.shape}; they must agree"
        )
    if kept.size < SMALL and type(kept) is ndarray and this_thread.forced is None:
        gradient = GRADIENTS[kind]
        return gradient(gy, kept, *settings) if settings else gradient(gy, kept)
    module = OPERATOR.choose(Case(kind, type(kept), kept.dtype))
    return module.activation_backward(gy, kept, kind, *settings)


def added_at_once(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether relu_of_sum and relu_backward_of_sum take a and b: on a device, or large ones.

    They are of one shape and of float32 or float64.
    """
    if type(a) is not ndarray:
        return on_one_device(a, b)
    fits = type(b) is ndarray and a.size >= SMALL and a.shape == b.shape and a.dtype == b.dtype
    is_usual = a.dtype.char in "fd" and a.dtype.isnative and this_thread.forced is None
    return fits and is_usual and has_numba()


def on_one_device(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether both are a device's, of one shape and of float32 or float64."""
    if type(a) is not type(b) or a.shape != b.shape or a.dtype != b.dtype:
        return False
    case = Case("relu", type(a), a.dtype)
    on_device = is_emulated(case) or on_gpu(case)
    return on_device and a.dtype.char in "fd" and this_thread.forced is None


def relu_of_sum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a, b (*) `added_at_once` -> max(a + b, 0) (*), by one kernel."""
    return (_compiled() if type(a) is ndarray else _cuda()).relu_of_sum(a, b)


def relu_backward_of_sum(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> np.ndarray:
    """a, b, y (*) `added_at_once` -> activation_backward(a + b, y, "relu"), by one kernel."""
    return (_compiled() if type(a) is ndarray else _cuda()).relu_backward_of_sum(a, b, y)


def _refusal(name: str, kind: str, settings: tuple) -> ValueError:
    if kind not in KINDS:
        rule = f"must be one of {', '.join(KINDS)}{nearest(kind, KINDS)}"
        return ValueError(f"{name}: kind={kind!r} {rule}")
    return ValueError(f"{name}: {kind} has {KINDS[kind]} settings, not {len(settings)}")
