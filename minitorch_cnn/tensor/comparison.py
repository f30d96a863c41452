"""Comparisons and logic: results without gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd import array_function
from .arithmetic import arrays_of, quiet
from .promotion import as_tensor, check_broadcast, meet

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import DType, Operand, TensorLike


def _check_bits(name: str, dtype: DType) -> None:
    if name.startswith("bitwise") and dtype.kind in dtypes.FLOATS:
        raise TypeError(f"{name}: dtype {dtype} must be integer or bool")
    if name.endswith("_shift") and dtype.kind == "b":
        raise TypeError(f"{name}: booleans have no bits to shift; the dtype must be integer")


def _of_two(ufunc: np.ufunc, name: str, doc: str):
    def op(input: Operand, other: Operand) -> Tensor:
        a, b = arrays_of(name, *meet(input, other, name))
        _check_bits(name, a.dtype)
        return array_function.Tensor(ufunc(a, b))

    op.__name__, op.__doc__ = name, doc
    return op


def _of_one(ufunc: np.ufunc, name: str, doc: str):
    def op(input: Tensor) -> Tensor:
        _check_bits(name, input.dtype)
        return array_function.Tensor(ufunc(input.array))

    op.__name__, op.__doc__ = name, doc
    return op


eq = _of_two(np.equal, "eq", "input == other, elementwise.")
ne = _of_two(np.not_equal, "ne", "input != other, elementwise.")
lt = _of_two(np.less, "lt", "input < other, elementwise.")
le = _of_two(np.less_equal, "le", "input <= other, elementwise.")
gt = _of_two(np.greater, "gt", "input > other, elementwise.")
ge = _of_two(np.greater_equal, "ge", "input >= other, elementwise.")
logical_and = _of_two(np.logical_and, "logical_and", "Both non-zero.")
logical_or = _of_two(np.logical_or, "logical_or", "Whether at least one is non-zero.")
logical_xor = _of_two(np.logical_xor, "logical_xor", "Whether exactly one is non-zero.")
bitwise_and = _of_two(np.bitwise_and, "bitwise_and", "input & other, of integers or booleans.")
bitwise_or = _of_two(np.bitwise_or, "bitwise_or", "input | other, of integers or booleans.")
bitwise_xor = _of_two(np.bitwise_xor, "bitwise_xor", "input ^ other, of integers or booleans.")
bitwise_left_shift = _of_two(
    np.left_shift, "bitwise_left_shift", "input << other, of integers; 0 if all bits are lost."
)
bitwise_right_shift = _of_two(
    np.right_shift, "bitwise_right_shift", "input >> other, of integers; preserves the sign bit."
)
logical_not = _of_one(np.logical_not, "logical_not", "Whether zero.")
bitwise_not = _of_one(np.invert, "bitwise_not", "~input, of integers or booleans.")
isnan = _of_one(np.isnan, "isnan", "Whether NaN.")
isinf = _of_one(np.isinf, "isinf", "Whether infinite, of either sign.")
isfinite = _of_one(np.isfinite, "isfinite", "Whether finite: neither NaN nor infinite.")


def equal(input: TensorLike, other: TensorLike) -> bool:
    """Whether two tensors have the same shape and the same elements."""
    a, b = _arrays("equal", input, other)
    return a.shape == b.shape and bool((a == b).all())


def isclose(
    input: TensorLike,
    other: TensorLike,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> Tensor:
    """Whether |input - other| <= atol + rtol |other|, elementwise."""
    a, b = _arrays("isclose", input, other)
    check_broadcast("isclose", a.shape, b.shape)
    with quiet():
        return array_function.Tensor(np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan))


def allclose(
    input: TensorLike,
    other: TensorLike,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> bool:
    """Whether |input - other| <= atol + rtol |other| everywhere."""
    a, b = _arrays("allclose", input, other)
    check_broadcast("allclose", a.shape, b.shape)
    with quiet():
        return bool(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan))


def _arrays(name: str, input: TensorLike, other: TensorLike) -> list[Any]:
    return arrays_of(name, as_tensor(input, name), as_tensor(other, name))
