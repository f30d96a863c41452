"""NumPy's functions called on tensors: np.sqrt(t), np.add(array, t), np.mean(t, axis=0).

ufuncs, and the functions that NumPy delegates to a method of their argument, call their equivalent
here: the result is a Tensor with its history (PyTorch refuses most of them). Other ufuncs are
refused by name. NumPy's other functions (np.concatenate, np.histogram) receive arrays, as through
np.asarray, and return arrays; they refuse a tensor that requires grad.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import array_function
from ..kernels.compat import NOT_GIVEN

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Dims, DTypeLike, Operand, Shape


# ufuncs that have another name here; the others are looked up under their own.
_NAMES = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh",
    "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh", "divide": "div", "equal": "eq",
    "greater": "gt", "greater_equal": "ge", "invert": "bitwise_not",
    "left_shift": "bitwise_left_shift", "less": "lt", "less_equal": "le", "multiply": "mul",
    "negative": "neg", "not_equal": "ne", "power": "pow", "rint": "round",
    "right_shift": "bitwise_right_shift", "subtract": "sub",
}  # fmt: skip


def _here(name: str) -> Any:
    """The function of this package called `name`, or None."""
    return getattr(sys.modules[__name__.rpartition(".")[0]], name, None)


def call_ufunc(
    self: Tensor,
    ufunc: np.ufunc,
    method: str,
    *inputs: Any,
    out: tuple[Any, ...] | None = None,
    **settings: Any,
) -> Any:
    """The result of ufunc(*inputs), which NumPy delegates because an input is a Tensor."""
    called = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    if out is not None:  # an array that must remain one: array += tensor
        if any(isinstance(y, array_function.Tensor) for y in out):
            raise TypeError(f"{called}: out must be an array, got a Tensor")
        return getattr(ufunc, method)(*_arrays(inputs), out=out, **settings)
    op = _here(_NAMES.get(ufunc.__name__, ufunc.__name__)) if method == "__call__" else None
    if op is None or settings:
        what = f" with {', '.join(settings)}" if op is not None else ""
        raise TypeError(f"{called}{what}: not defined for tensors; use a function of minitorch_cnn")
    tensors = [array_function.Tensor(x) if isinstance(x, np.ndarray) else x for x in inputs]
    return op(*tensors)


def call_function(
    self: Tensor,
    numpy_function: Callable[..., Any],
    types: Iterable[type],
    args: tuple[Any, ...],
    settings: dict[str, Any],
) -> Any:
    """The result of numpy_function(*args), which NumPy delegates because args hold a Tensor."""
    op = _FUNCTIONS.get(numpy_function)
    if op is None:
        return numpy_function(*_arrays(args), **_arrays(settings))
    settings = {k: v for k, v in settings.items() if v is not None and v is not NOT_GIVEN}
    try:
        return op(*args, **settings)
    except TypeError as error:
        why = str(error).rpartition("() ")[2]  # without the name of the stand-in
        raise TypeError(f"np.{numpy_function.__name__}: {why}") from None


def _arrays(x: Any) -> Any:
    """`x` with Tensors replaced by their arrays; RuntimeError for one that requires grad."""
    if isinstance(x, array_function.Tensor):
        return x.numpy()
    if isinstance(x, (list, tuple)):
        several: Any = x
        return type(several)(map(_arrays, several))
    if isinstance(x, dict):
        named: dict[Any, Any] = x
        return {key: _arrays(value) for key, value in named.items()}
    return x


def _tensor(x: Any) -> Tensor:
    return x if isinstance(x, array_function.Tensor) else array_function.Tensor(np.asarray(x))


# NumPy's arguments in NumPy's order. The caller omits `axis` and `keepdims` if they are None.


def _reduction(name: str) -> Callable[..., Tensor]:
    def reduce(
        a: Tensor,
        axis: Dims | None = None,
        dtype: DTypeLike | None = None,
        *,
        keepdims: bool = False,
    ) -> Tensor:
        settings = {} if dtype is None else {"dtype": dtype}
        return _here(name)(a, axis, keepdims, **settings)

    return reduce


def _truth(name: str) -> Callable[..., Tensor]:
    def truth(a: Tensor, axis: Dims | None = None, *, keepdims: bool = False) -> Tensor:
        return _here(name)(a, axis, keepdims)

    return truth


def _spread(name: str) -> Callable[..., Tensor]:
    def spread(
        a: Tensor,
        axis: Dims | None = None,
        *,
        ddof: float = 0,
        correction: float | None = None,
        keepdims: bool = False,
    ) -> Tensor:
        correction = ddof if correction is None else correction
        return _here(name)(a, axis, keepdim=keepdims, correction=correction)

    return spread


def _extreme(name: str) -> Callable[..., Tensor]:
    def extreme(a: Tensor, axis: Dims | None = None, *, keepdims: bool = False) -> Tensor:
        return _here(name)(a, () if axis is None else axis, keepdims)

    return extreme


def _cumsum(a: Tensor, axis: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    a, axis = (a.flatten(), 0) if axis is None else (a, axis)
    return _here("cumsum")(a, axis, dtype=dtype)


def _clip(
    a: Tensor,
    a_min: Operand | None = None,
    a_max: Operand | None = None,
    *,
    min: Operand | None = None,
    max: Operand | None = None,
) -> Tensor:
    return _here("clamp")(a, a_min if min is None else min, a_max if max is None else max)


def _round(a: Tensor, decimals: int = 0) -> Tensor:
    return _here("round")(a, decimals=decimals) if decimals else _here("round")(a)


def _transpose(a: Tensor, axes: Sequence[int] | None = None) -> Tensor:
    return a.T if axes is None else a.permute(*axes)


def _dot(a: Any, b: Any) -> Tensor:
    return _here("matmul")(_tensor(a), _tensor(b))


def _squeeze(a: Tensor, axis: Dims | None = None) -> Tensor:
    return a.squeeze() if axis is None else a.squeeze(axis)


def _reshape(a: Tensor, shape: Dims) -> Tensor:
    return a.reshape(shape)


def _ravel(a: Tensor) -> Tensor:
    return a.flatten()


def _shape(a: Tensor) -> Shape:
    return a.shape


def _ndim(a: Tensor) -> int:
    return a.ndim


def _size(a: Tensor, axis: int | None = None) -> int:
    return a.numel() if axis is None else a.shape[axis]


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _reduction("sum"), np.mean: _reduction("mean"), np.prod: _reduction("prod"),
    np.all: _truth("all"), np.any: _truth("any"),
    np.argmax: _truth("argmax"), np.argmin: _truth("argmin"),
    np.std: _spread("std"), np.var: _spread("var"),
    np.max: _extreme("amax"), np.amax: _extreme("amax"),
    np.min: _extreme("amin"), np.amin: _extreme("amin"),
    np.cumsum: _cumsum, np.clip: _clip, np.round: _round, np.around: _round, np.dot: _dot,
    np.reshape: _reshape, np.ravel: _ravel, np.squeeze: _squeeze, np.transpose: _transpose,
    np.shape: _shape, np.ndim: _ndim, np.size: _size,
}  # fmt: skip
