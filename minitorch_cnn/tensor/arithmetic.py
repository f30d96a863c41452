"""Arithmetic of two operands, with broadcasting: + - * / % ^, and the choice between two."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from .. import devices, dtypes
from ..autograd import array_function, autocast
from ..autograd.array_function import ArrayFunction
from ..autograd.usual_calls import apply_two
from ..kernels import rows
from .promotion import as_operand, check_broadcast, fitting, meet

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Operand, Shape, TensorLike


def unbroadcast(g: Tensor, shape: Shape) -> Tensor:
    """The adjoint of broadcasting: `g` summed over the axes that broadcasting added or expanded."""
    if g.array.shape == shape:
        return g
    added = g.array.ndim - len(shape)
    axes = list(range(added))
    for axis, size in enumerate(shape, added):
        if size == 1 and g.array.shape[axis] != 1:
            axes.append(axis)
    if axes:
        g = g.sum(axes, keepdim=True)
    return g.reshape(shape) if added else g


def quiet() -> np.errstate:
    """Disable NumPy's floating-point warnings: infinities and NaNs are results, as in PyTorch."""
    return np.errstate(all="ignore")


class Add(ArrayFunction):
    """y = a + b."""

    compute = rows.add

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        ctx.shapes = a.shape, b.shape
        return rows.add(a, b)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        need_a, need_b = ctx.needs_input_grad
        return (
            unbroadcast(gy, ctx.shapes[0]) if need_a else None,
            unbroadcast(gy, ctx.shapes[1]) if need_b else None,
        )


class Sub(ArrayFunction):
    """y = a - b."""

    compute = operator.sub

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        ctx.shapes = a.shape, b.shape
        return a - b

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        need_a, need_b = ctx.needs_input_grad
        return (
            unbroadcast(gy, ctx.shapes[0]) if need_a else None,
            unbroadcast(-gy, ctx.shapes[1]) if need_b else None,
        )


class Mul(ArrayFunction):
    """y = a * b."""

    @staticmethod
    def compute(a: Array, b: Array) -> Array:
        return a * b if a.dtype is b.dtype else _kept_half(a * b, a, b)

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        need_a, need_b = ctx.needs_input_grad
        if need_a or need_b:
            ctx.save_for_backward(a if need_b else None, b if need_a else None)
        ctx.shapes = a.shape, b.shape
        return a * b if a.dtype is b.dtype else _kept_half(a * b, a, b)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        return (
            None if b is None else unbroadcast(apply_two(Mul, gy, b), ctx.shapes[0]),
            None if a is None else unbroadcast(apply_two(Mul, gy, a), ctx.shapes[1]),
        )


class Div(ArrayFunction):
    """y = a / b."""

    @staticmethod
    def compute(a: Array, b: Array) -> Array:
        return a / b if a.dtype is b.dtype else _kept_half(a / b, a, b)

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        need_b = ctx.needs_input_grad[1]
        ctx.save_for_backward(a if need_b else None, b)
        ctx.shapes = a.shape, b.shape
        return a / b if a.dtype is b.dtype else _kept_half(a / b, a, b)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        return (
            unbroadcast(apply_two(Div, gy, b), ctx.shapes[0]) if ctx.needs_input_grad[0] else None,
            None if a is None else unbroadcast(-gy * Div.apply(a, b) / b, ctx.shapes[1]),
        )


def _kept_half(y: Array, a: Array, b: Array) -> Array:
    """y, in 16 bits if a or b is: a number beside it is in float32, see `meet`."""
    half = a.dtype if dtypes.is_half(a.dtype) else b.dtype
    return y.astype(half) if dtypes.is_half(half) else y


class Remainder(ArrayFunction):
    """y = a - floor(a / b) * b, with the sign of b."""

    f = np.remainder

    @staticmethod
    def whole(quotient: Tensor) -> Tensor:
        return quotient.floor()

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        op: type[Any] = type(ctx)
        ctx.save_for_backward(a, b)
        return op.f(a, b)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        op: type[Any] = type(ctx)
        a, b = ctx.saved_tensors
        return unbroadcast(gy, a.shape), unbroadcast(-gy * op.whole(a / b), b.shape)


class Fmod(Remainder):
    """y = a - trunc(a / b) * b, with the sign of a."""

    f = np.fmod

    @staticmethod
    def whole(quotient: Tensor) -> Tensor:
        return quotient.trunc()


class Pow(ArrayFunction):
    """y = a ^ b; dy/da = 0 where b = 0, and dy/db = 0 where a = 0 <= b."""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        ctx.save_for_backward(a, b)
        return np.power(a, b)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        ga = gb = None
        if ctx.needs_input_grad[0]:
            slope = b * a ** (b - 1)
            if (b.array == 0).any():
                slope = where(b == 0, 0.0, slope)
            ga = unbroadcast(gy * slope, a.shape)
        if ctx.needs_input_grad[1]:
            flat = (a == 0) & (b >= 0)
            gb = unbroadcast(gy * a**b * where(flat, 1.0, a).log(), b.shape)
        return ga, gb


class Where(ArrayFunction):
    """y = a where the mask holds, b elsewhere."""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array, mask: Array) -> Array:
        ctx.keep(mask)
        ctx.shapes = a.shape, b.shape
        return np.where(mask, a, b)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        (mask,) = ctx.kept
        need_a, need_b = ctx.needs_input_grad
        return (
            unbroadcast(masked(gy, mask), ctx.shapes[0]) if need_a else None,
            unbroadcast(masked(gy, ~mask), ctx.shapes[1]) if need_b else None,
        )


def masked(gy: Tensor, mask: Array) -> Tensor:
    """A gradient where the mask holds, 0 elsewhere, even where it is infinite or NaN."""
    return Where.apply(gy, np.zeros((), gy.array.dtype), mask=mask)


def add(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """Compute input + alpha * other, with broadcasting."""
    return Add.apply(*meet(input, other if alpha == 1 else as_operand(other, "add") * alpha, "add"))


def check_difference(name: str, *operands: object) -> None:
    """TypeError if one of the operands is boolean."""
    if any(type(x) is bool or getattr(x, "dtype", None) == dtypes.bool_ for x in operands):
        raise TypeError(f"{name}: booleans have no difference; use logical_xor or ^")


def sub(input: Operand, other: Operand, *, alpha: float = 1) -> Tensor:
    """Compute input - alpha * other, with broadcasting."""
    check_difference("sub", input, other)
    a, b = meet(input, other if alpha == 1 else as_operand(other, "sub") * alpha, "sub")
    return Sub.apply(a, b)


def mul(input: Operand, other: Operand) -> Tensor:
    """Compute input * other, with broadcasting."""
    return Mul.apply(*meet(input, other, "mul", False, True))


def div(
    input: Operand, other: Operand, *, rounding_mode: Literal["floor", "trunc"] | None = None
) -> Tensor:
    """Compute input / other, with broadcasting; integers become the default float type.

    rounding_mode="floor" or "trunc" rounds down or towards 0, in the dtype of the operands; the
    gradient of such a quotient is 0. Raises: ValueError for another mode.
    """
    if rounding_mode is None:
        if autocast.active and not isinstance(input, array_function.Tensor):
            (other,) = autocast.widen(other)
        return Div.apply(*meet(input, other, "div", floating=True, scale=True))
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode != "trunc":
        raise ValueError(f"div: rounding_mode={rounding_mode!r} must be None, 'floor' or 'trunc'")
    a, b = meet(input, other, "div")
    if a.dtype.kind in dtypes.FLOATS:
        return Div.apply(a, b).trunc()
    a, b = arrays_of("div", a, b)
    _check_divisor("div", a, b)
    down = np.floor_divide(a, b)
    return array_function.Tensor(down + ((down < 0) & (down * b != a)))


def floor_divide(input: Operand, other: Operand) -> Tensor:
    """Compute floor(input / other), in the dtype of the operands; no gradient."""
    a, b = arrays_of("floor_divide", *meet(input, other, "floor_divide"))
    _check_divisor("floor_divide", a, b)
    with quiet():
        return array_function.Tensor(np.floor_divide(a, b))


def _check_divisor(name: str, a: Array, b: Array) -> None:
    if a.dtype.kind == "b":
        raise TypeError(f"{name}: boolean tensors have no quotient")
    if a.dtype.kind in "iu" and (b == 0).any():
        raise RuntimeError(f"{name}: an integer cannot be divided by zero")


def remainder(input: Operand, other: Operand) -> Tensor:
    """Compute input - floor(input / other) * other, with the sign of `other`."""
    a, b = meet(input, other, "remainder")
    if a.dtype.kind == "b":
        raise TypeError("remainder: boolean tensors have no remainder")
    if a.dtype.kind in "iu" and (arrays_of("remainder", a, b)[1] == 0).any():
        raise RuntimeError("remainder: an integer cannot be divided by zero")
    return Remainder.apply(a, b)


def fmod(input: Operand, other: Operand) -> Tensor:
    """Compute input - trunc(input / other) * other, with the sign of `input`."""
    a, b = meet(input, other, "fmod")
    _check_divisor("fmod", *arrays_of("fmod", a, b))
    return Fmod.apply(a, b)


def pow(input: Operand, exponent: Operand) -> Tensor:
    """Raise `input` to the power `exponent`, elementwise."""
    if autocast.active:
        input, exponent = autocast.widen(input, exponent)
    if (
        isinstance(exponent, (int, float))
        and not isinstance(exponent, bool)
        and isinstance(input, array_function.Tensor)
    ):
        if exponent == 2:
            return input.square()
        if exponent == 0.5:
            return input.sqrt()
    a, b = meet(input, exponent, "pow")
    if a.dtype.kind == "b":
        raise TypeError("pow: booleans have no powers")
    # The exponent itself, because uint8 would wrap around.
    power = exponent if isinstance(exponent, int) else arrays_of("pow", b)[0]
    if a.dtype.kind in "iu" and np.any(power < 0):
        raise RuntimeError("pow: an integer cannot be raised to a negative integer power")
    return Pow.apply(a, b)


@overload
def where(condition: TensorLike) -> tuple[Tensor, ...]: ...
@overload
def where(condition: TensorLike | bool, input: Operand, other: Operand) -> Tensor: ...
def where(
    condition: Any, input: Operand | None = None, other: Operand | None = None
) -> Tensor | tuple[Tensor, ...]:
    """Select `input` where `condition` (boolean Tensor) holds, else `other`; all three broadcast.

    With only a condition, return its non-zero positions, as `nonzero(condition, as_tuple=True)`.
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    mask = _mask_of(condition)
    if mask.dtype == np.uint8:  # accepted as a mask, as in indexing, like in early PyTorch
        mask = mask != 0
    if mask.dtype.kind != "b":
        raise TypeError(f"where: condition has dtype {mask.dtype}, must be bool")
    a, b = meet(input, other, "where")
    for x in (input, other):
        if isinstance(x, (int, float)):
            fitting(x, a.dtype, "where")
    check_broadcast("where", mask.shape, a.shape, b.shape)
    return Where.apply(a, b, mask=mask)


def masked_fill(input: Tensor, mask: TensorLike, value: Operand) -> Tensor:
    """Replace elements where `mask` holds by `value`, a number or 0-d tensor, keeping the dtype."""
    if (axes := getattr(value, "ndim", 0)) != 0:
        raise ValueError(f"masked_fill: value has {axes} axes, must be a number or a 0-d tensor")
    if isinstance(value, array_function.Tensor):
        value = value.to(input.dtype)
    else:
        value = fitting(value, input.dtype, "masked_fill")
    mask = _mask_of(mask)
    if mask.dtype.kind != "b":
        raise TypeError(f"masked_fill: mask has dtype {mask.dtype}, must be bool")
    check_broadcast("masked_fill", mask.shape, input.shape)
    return Where.apply(value, input, mask=mask)


def arrays_of(name: str, *operands: Any) -> list[Any]:
    """The arrays of Tensors and numbers; RuntimeError, named `name`, if devices differ."""
    arrays = [x.array if isinstance(x, array_function.Tensor) else x for x in operands]
    return devices.together(name, arrays)[0] if devices.elsewhere else arrays


def _mask_of(condition: Any) -> Array:
    if isinstance(condition, array_function.Tensor):
        return condition.array
    return condition if devices.is_array(condition) else np.asarray(condition)
