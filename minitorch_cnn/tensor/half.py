"""16-bit numbers: stored in 16 bits, computed in float32, and rounded once.

A long sum stalls in 16 bits (2048 + 1 is 2048 in float16) and squares overflow (256^2). An op whose
class sets `in_float32` is applied in float32 (autograd/array_function.py); functions composed of
several ops use this module to pass float32 from one to the next.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from .. import dtypes
from ..autograd import array_function, autocast

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import DType

F = TypeVar("F", bound="Callable[..., Any]")


def widened(x: Any) -> Any:
    """Convert a Tensor or array of 16-bit floats to float32; return anything else unchanged."""
    if x is None or not dtypes.is_half(x.dtype):
        return x
    if isinstance(x, array_function.Tensor):
        return x.to(dtypes.float32)
    return x.astype(dtypes.float32)


def rounded(x: Tensor, dtype: DType) -> Tensor:
    """The float Tensor `x` in `dtype`; itself if that is no change."""
    return x if x.array.dtype is dtype else x.to(dtype)


def in_float32(fn: F) -> F:
    """Decorate a function of Tensors so that it computes 16-bit arguments in float32.

    Its results, one Tensor or several, are 16-bit again, unless an argument was a wider float.
    """

    def by_float32(*args: Any, **kwargs: Any) -> Any:
        if not (_any_half(args) or (kwargs and _any_half(kwargs.values()))):
            return fn(*args, **kwargs)
        given = [
            x.array.dtype for x in (*args, *kwargs.values()) if isinstance(x, array_function.Tensor)
        ]
        floats = [dtype for dtype in given if dtype.kind in dtypes.FLOATS]
        result = fn(*map(_widened, args), **{name: _widened(x) for name, x in kwargs.items()})
        if not all(map(dtypes.is_half, floats)):
            return result
        if autocast.active and autocast.stays_float32(fn.__name__, args[0]):
            return result
        if isinstance(result, tuple):
            results: tuple[Tensor, ...] = result
            return tuple(rounded(y, floats[0]) for y in results)
        return rounded(result, floats[0])

    wrapped: Any = functools.wraps(fn)(by_float32)
    return wrapped


def _any_half(values: Iterable[Any]) -> bool:
    Tensor = array_function.Tensor
    for x in values:  # the size first, because this runs on every call
        if isinstance(x, Tensor) and x.array.dtype.itemsize == 2 and dtypes.is_half(x.array.dtype):
            return True
    return False


def _widened(x: Any) -> Any:
    return widened(x) if isinstance(x, array_function.Tensor) else x
