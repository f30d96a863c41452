"""Type promotion by PyTorch's rule, by which a number does not widen a tensor."""

from __future__ import annotations

import numbers
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from .. import devices, dtypes
from ..autograd import array_function

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, DType, DTypeLike, Operand, Shape


_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2}


def as_operand(x: object, name: str) -> Tensor | float:
    """`x` as a Tensor, or unchanged if it is a number. TypeError for anything else."""
    if isinstance(x, array_function.Tensor):
        return x
    if isinstance(x, np.generic):
        number: Any = x.item()
        return number
    if devices.is_array(x):
        return array_function.Tensor(x)
    if isinstance(x, numbers.Real):
        number = x
        return number
    raise TypeError(
        f"{name}: operand must be a Tensor, an array or a number, got {type(x).__name__}"
    )


def is_operand(x: object) -> TypeGuard[Operand]:
    """Whether `as_operand` accepts `x`; otherwise operators return NotImplemented."""
    return isinstance(x, (array_function.Tensor, numbers.Real, np.generic)) or devices.is_array(x)


def scalar_dtype(number: float) -> np.dtype:
    """The dtype of a Python number."""
    if isinstance(number, bool):
        return dtypes.bool_
    return dtypes.int64 if isinstance(number, int) else dtypes.get_default_dtype()


def result_type(*operands: Tensor | float) -> np.dtype:
    """Find the common dtype of operands (Tensors or numbers).

    The highest of the categories bool < integer < float wins; within one category tensors with axes
    take precedence over 0-d tensors, and these over numbers; equals are promoted as by NumPy.
    Raises: RuntimeError for uint16, uint32 or uint64 beside another integer dtype or bool.
    """
    return common_result("result_type", *operands)


def common_result(name: str, *operands: Tensor | float) -> np.dtype:
    """The `result_type` of operands of the function `name`."""
    by_rank: list[DType | None] = [None, None, None]
    for dtype, rank in map(_dtype_and_rank, operands):
        known = by_rank[rank]
        by_rank[rank] = dtype if known is None else common_dtype(known, dtype, name)
    first, *others = [dtype for dtype in reversed(by_rank) if dtype is not None]
    for dtype in others:
        if _CATEGORY[dtype.kind] > _CATEGORY[first.kind]:
            first = common_dtype(first, dtype, name)
    return first


def common_dtype(a: np.dtype, b: np.dtype, name: str) -> np.dtype:
    """The dtype of the higher category; within one category the one that can hold both.

    Raises: RuntimeError, naming the function `name`, if PyTorch has no rule for the two.
    """
    is_float = a.kind in dtypes.FLOATS or b.kind in dtypes.FLOATS
    if a != b and not is_float and (a in dtypes.WIDE_UNSIGNED or b in dtypes.WIDE_UNSIGNED):
        raise RuntimeError(f"{name}: {a} and {b} have no common dtype; convert one with to()")
    if _CATEGORY[a.kind] != _CATEGORY[b.kind]:
        return max(a, b, key=lambda dtype: _CATEGORY[dtype.kind])
    if a.itemsize == b.itemsize and a != b and a.kind in dtypes.FLOATS:
        return dtypes.float32  # of float16 and bfloat16 neither can hold the other
    return np.promote_types(a, b)


def promote_types(type1: DTypeLike, type2: DTypeLike) -> np.dtype:
    """Find the common dtype of two dtypes.

    Raises: RuntimeError for uint16, uint32 or uint64 and another integer dtype or bool.
    """
    first, second = (dtypes.check_dtype(t, "promote_types") for t in (type1, type2))
    return common_dtype(first, second, "promote_types")


def can_hold(dtype: np.dtype, result: np.dtype) -> bool:
    """Whether a tensor of `dtype` can hold a `result`: one of the same or a lower category."""
    return _CATEGORY[result.kind] <= _CATEGORY[dtype.kind]


def _dtype_and_rank(x: Tensor | float) -> tuple[DType, int]:
    if isinstance(x, array_function.Tensor):
        return x.array.dtype, 2 if x.array.ndim else 1
    return scalar_dtype(x), 0


def meet(
    a: object, b: object, name: str, floating: bool = False, scale: bool = False
) -> tuple[Any, Any]:
    """Two operands in one dtype, as inputs for `apply`: Tensors, or a 0-d array for a number.

    With `floating`, integers become the default float type (true division). With `scale`, a number
    beside a 16-bit tensor stays in float32: 65536 or 1e-8 may scale although 16 bits cannot hold
    them.
    """
    Tensor = array_function.Tensor
    if type(a) is Tensor and type(b) is Tensor:  # the usual case
        x, y = a.array, b.array
        if x.dtype is y.dtype and x.dtype.kind in dtypes.FLOATS:
            if x.shape != y.shape:
                check_broadcast(name, x.shape, y.shape)
            return a, b
    if isinstance(a, Tensor) and _is_plain(b):
        dtype = a.array.dtype
        if dtype.kind in dtypes.FLOATS and dtype.itemsize != 2:
            return a, np.asarray(b, dtype)
    elif isinstance(b, Tensor) and _is_plain(a):
        dtype = b.array.dtype
        if dtype.kind in dtypes.FLOATS and dtype.itemsize != 2:
            return np.asarray(a, dtype), b
    a, b = as_operand(a, name), as_operand(b, name)
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a.array.shape != b.array.shape:
            check_broadcast(name, a.array.shape, b.array.shape)
        dtype = a.array.dtype
        if dtype != b.array.dtype:
            dtype = common_result(name, a, b)
    else:
        dtype = common_result(name, a, b)
    if floating and dtype.kind not in dtypes.FLOATS:
        dtype = dtypes.get_default_dtype()
    if scale and dtypes.is_half(dtype):
        wide = dtypes.float32
        first, second = [_cast(x, dtype if isinstance(x, Tensor) else wide) for x in (a, b)]
        return first, second
    return _cast(a, dtype), _cast(b, dtype)


def _is_plain(x: Any) -> bool:
    """Whether `x` is a Python number that float32 can hold, for the fast path."""
    return (type(x) is float or type(x) is int) and -3e38 < x < 3e38


def _cast(x: Any, dtype: DType) -> Any:
    if not isinstance(x, array_function.Tensor):
        with np.errstate(over="ignore"):
            return np.asarray(x).astype(dtype)  # wraps around: uint8 + 300 is uint8 + 44
    return x if x.array.dtype == dtype else x.to(dtype)


def fitting(value: Any, dtype: DType, name: str) -> Array:
    """A number as a 0-d array of `dtype`; RuntimeError if it does not fit."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        # A negative number wraps around to an unsigned one, as in PyTorch.
        fits = (limits.min or -limits.max) <= value <= limits.max
    else:
        fits = dtype.kind == "b" or not float(dtypes.finfo(dtype).max) < abs(value) < np.inf
    if not fits:
        raise RuntimeError(f"{name}: value={value} does not fit into {dtype}")
    return np.asarray(value).astype(dtype)


def as_tensor(x: object, name: str) -> Tensor:
    """A Tensor, or an array as one; TypeError for anything else."""
    if isinstance(x, array_function.Tensor):
        return x
    if devices.is_array(x):
        return array_function.Tensor(x)
    raise TypeError(f"{name}: input must be a Tensor, got {type(x).__name__}")


def to_floating(x: object, name: str) -> Tensor:
    """A Tensor of a float dtype: integers and booleans become the default float type."""
    if not isinstance(x, array_function.Tensor):
        x = as_tensor(x, name)
    return x if x.array.dtype.kind in dtypes.FLOATS else x.to(dtypes.get_default_dtype())


def check_broadcast(name: str, *shapes: Shape) -> None:
    """RuntimeError for shapes that do not broadcast."""
    for a, b in combinations(shapes, 2):
        for n, m in zip(a[::-1], b[::-1], strict=False):
            if n != m and n != 1 and m != 1:
                both = " and ".join(map(str, shapes))
                raise RuntimeError(f"{name}: shapes {both} do not broadcast")
