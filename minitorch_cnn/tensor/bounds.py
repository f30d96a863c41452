"""The larger and the smaller of two numbers, and clamping to bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from .arithmetic import masked, unbroadcast
from .promotion import as_operand, as_tensor, check_broadcast, common_result, fitting, meet

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, DType, Operand, TensorLike


class _Choice(ArrayFunction):
    """y = a or b, elementwise; each gets the gradient where `owners` says that it is chosen."""

    choose = owners = None

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        op: type[Any] = type(ctx)
        if any(ctx.needs_input_grad):
            ctx.keep(*op.owners(a, b))
        ctx.shapes = a.shape, b.shape
        return op.choose(a, b)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        of_a, of_b, tie = ctx.kept
        if tie is not None and tie.any():
            gy = gy * (1 - 0.5 * tie).astype(gy.dtype)
        return (
            unbroadcast(masked(gy, of_a), ctx.shapes[0]) if ctx.needs_input_grad[0] else None,
            unbroadcast(masked(gy, of_b), ctx.shapes[1]) if ctx.needs_input_grad[1] else None,
        )


class Maximum(_Choice):
    """y = max(a, b), NaN if either is; equal operands each get half of the gradient."""

    choose = np.maximum

    @staticmethod
    def owners(a: Array, b: Array) -> tuple[Array, Array, Array | None]:
        return ~(a < b), ~(b < a), a == b


class Minimum(_Choice):
    """y = min(a, b), NaN if either is; equal operands each get half of the gradient."""

    choose = np.minimum

    @staticmethod
    def owners(a: Array, b: Array) -> tuple[Array, Array, Array | None]:
        return ~(a > b), ~(b > a), a == b


class Fmax(_Choice):
    """y = max(a, b), ignoring a NaN beside a number; for equal operands a gets the gradient."""

    choose = np.fmax

    @staticmethod
    def owners(a: Array, b: Array) -> tuple[Array, Array, Array | None]:
        first = (a >= b) | np.isnan(b)
        return first, ~first, None


class Fmin(_Choice):
    """y = min(a, b), ignoring a NaN beside a number; for equal operands a gets the gradient."""

    choose = np.fmin

    @staticmethod
    def owners(a: Array, b: Array) -> tuple[Array, Array, Array | None]:
        first = (a <= b) | np.isnan(b)
        return first, ~first, None


class Clamp(ArrayFunction):
    """y = min(max(x, low), high), NaN if any of them is; low or high may be None.

    The gradient goes to x where low <= x <= high, and to the bound where x is beyond it; where the
    bounds are crossed (low > high), it goes to high.
    """

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, low: Array | None, high: Array | None) -> Array:
        ctx.shapes = [None if a is None else a.shape for a in (x, low, high)]
        if any(ctx.needs_input_grad):
            ctx.keep(*_owners(x, low, high, ctx.needs_input_grad))
        y = x if low is None else np.maximum(x, low)
        return y if high is None else np.minimum(y, high)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        return tuple(
            None if mask is None else unbroadcast(masked(gy, mask), shape)
            for mask, shape in zip(ctx.kept, ctx.shapes, strict=True)
        )


def _owners(
    x: Array, low: Array | None, high: Array | None, needed: Sequence[bool]
) -> tuple[Any, Any, Any]:
    """The masks of elements whose `Clamp` gradient goes to x, low and high; None if not needed."""
    inside = under = over = None
    if needed[0]:
        inside = True if low is None else x >= low
        inside = inside if high is None else inside & (x <= high)
    if needed[1]:
        under = x < low if high is None else (x < low) & (low < high)
    if needed[2]:
        over = x > high if low is None else (x > high) | (low > high)
    return inside, under, over


class NanToNum(ArrayFunction):
    """y = x with NaN, inf and -inf replaced by numbers; the gradient passes where x is finite."""

    @staticmethod
    def forward(
        ctx: ArrayFunction, x: Array, nan: float, posinf: float | None, neginf: float | None
    ) -> Array:
        ctx.keep(np.isfinite(x))
        return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf).astype(x.dtype, copy=False)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return masked(gy, ctx.kept[0])


def maximum(input: Operand, other: Operand) -> Tensor:
    """The larger of two numbers, elementwise; NaN if either is; ties share the gradient."""
    return Maximum.apply(*meet(input, other, "maximum"))


def minimum(input: Operand, other: Operand) -> Tensor:
    """The smaller of two numbers, elementwise; NaN if either is; ties share the gradient."""
    return Minimum.apply(*meet(input, other, "minimum"))


def fmax(input: Operand, other: Operand) -> Tensor:
    """The larger of two numbers, elementwise, ignoring a NaN beside a number."""
    return Fmax.apply(*meet(input, other, "fmax"))


def fmin(input: Operand, other: Operand) -> Tensor:
    """The smaller of two numbers, elementwise, ignoring a NaN beside a number."""
    return Fmin.apply(*meet(input, other, "fmin"))


def clamp(input: TensorLike, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Limit `input` to [min, max] elementwise: min(max(input, min), max).

    The result is NaN where one of the three is NaN, and `max` where min > max. The bounds are
    numbers or Tensors that broadcast with `input`; one of them may be omitted. The dtype is the
    common one: integers limited by floats become floats.

    Raises: ValueError without any bound, TypeError if all are booleans, RuntimeError for shapes
    that do not broadcast and for numbers that the dtype cannot hold.
    """
    return _clamp("clamp", input, min, max)


def clip(input: TensorLike, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """PyTorch's second name of `clamp`."""
    return _clamp("clip", input, min, max)


def clamp_min(input: TensorLike, min: Operand) -> Tensor:
    """Compute max(input, min) elementwise for a number or Tensor `min`, as `clamp`."""
    return _clamp("clamp_min", input, min, None)


def clamp_max(input: TensorLike, max: Operand) -> Tensor:
    """Compute min(input, max) elementwise for a number or Tensor `max`, as `clamp`."""
    return _clamp("clamp_max", input, None, max)


def _clamp(name: str, input: TensorLike, low: Operand | None, high: Operand | None) -> Tensor:
    input = as_tensor(input, name)
    if low is None and high is None:
        raise ValueError(f"{name}: min and max are both None; at least one must be given")
    bounds = [None if b is None else as_operand(b, name) for b in (low, high)]
    given = [b for b in bounds if b is not None]
    dtype = common_result(name, input, *given)
    if dtype.kind == "b":
        raise TypeError(f"{name}: booleans have no bounds")
    tensors = [b for b in given if isinstance(b, array_function.Tensor)]
    check_broadcast(name, input.shape, *(b.shape for b in tensors))
    bounds = [_bound(name, b, dtype) for b in bounds]
    return Clamp.apply(input if input.dtype == dtype else input.to(dtype), *bounds)


def _bound(name: str, bound: Tensor | float | None, dtype: DType) -> TensorLike | None:
    """A bound in `dtype`: a Tensor, a 0-d array or None."""
    if isinstance(bound, array_function.Tensor):
        return bound if bound.dtype == dtype else bound.to(dtype)
    if bound is not None and bound < 0 and dtype.kind == "u":
        raise RuntimeError(f"{name}: bound {bound} does not fit into {dtype}")
    return None if bound is None else fitting(bound, dtype, name)


def nan_to_num(
    input: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Replace NaN in `input` by `nan`, inf by `posinf` and -inf by `neginf`.

    By default posinf and neginf are the largest and the smallest number of the dtype. Integers are
    returned unchanged.
    """
    input = as_tensor(input, "nan_to_num")
    if input.dtype.kind not in dtypes.FLOATS:
        return input.clone()
    nan = 0.0 if nan is None else nan
    return NanToNum.apply(input, nan=nan, posinf=posinf, neginf=neginf)
