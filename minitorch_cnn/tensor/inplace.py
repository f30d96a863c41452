"""In-place operations: add_, sub_, mul_, div_, pow_, remainder_, floor_divide_, the bitwise ones,
copy_, zero_, fill_, clamp_ and x[key] = v.

Backward detects overwritten memory that a recorded op saved, by the version that the memory's owner
and its views share. A write through a view is a write to its base: the base gets a new node
(`Assign`), and views look up their base's node when they are next used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import devices, dtypes
from ..autograd import array_function
from ..autograd.modes import this_thread
from . import arithmetic, bounds, comparison
from .indexing import Assign, Index, array_keys, keys_beside
from .movement import clone
from .promotion import as_operand, can_hold, fitting

if TYPE_CHECKING:
    from .indexing import Path
    from .tensor import Tensor
    from .types import Operand, Shape, TensorLike


def check_writable(x: Tensor, name: str) -> None:
    """RuntimeError for a tensor that must not be changed in place: a leaf that requires grad,
    read-only or repeated memory, or a view whose path from its base is unknown.
    """
    if this_thread.modes.grad:
        x._follow_base()
        if x._base is not None and x._base.requires_grad:
            _path(x, name)
        owner = x if x._base is None else x._base
        if (x._requires_grad and x._node is None) or (owner._requires_grad and owner._node is None):
            raise RuntimeError(
                f"{name}: a leaf tensor that requires grad cannot be changed in place while ops "
                "are recorded; use no_grad"
            )
    if not devices.is_writeable(x.array):
        raise RuntimeError(
            f"{name}: the tensor's memory is read-only or repeats elements (expand); clone it first"
        )


def _check_fits(x: Tensor, shape: Shape, name: str) -> None:
    """Refuse a value of `shape` that does not broadcast to `x`."""
    if shape == x.shape:
        return
    pairs = zip(shape[::-1], x.shape[::-1], strict=False)
    if len(shape) > x.ndim or any(n not in (1, m) for n, m in pairs):
        raise RuntimeError(f"{name}: shape {tuple(shape)} does not broadcast to {x.shape}")


def _path(x: Tensor, name: str) -> Path:
    """The view ops that lead from the base of `x` to `x`."""
    if x._path is None:
        raise RuntimeError(
            f"{name}: the tensor is a view made under no_grad, to be changed under no_grad only"
        )
    return x._way_from_base()


def _overwrite(x: Tensor, new: Tensor, name: str, made_here: bool = True) -> Tensor:
    """Give `x` the numbers and the history of `new`, a Tensor that broadcasts to it.

    The history is taken over directly if nothing else refers to `new`.
    """
    if not (this_thread.modes.grad and (new._requires_grad or x._requires_grad)):
        x.array[...] = new.array
    elif x._base is not None:
        _assign(x._base, new, _path(x, name))
    elif made_here and new.shape == x.shape and new.dtype == x.dtype and new._node is not None:
        x.array[...] = new.array
        x._take_history(new)
    else:
        _assign(x, new, ((Index, {"key": (Ellipsis,)}),))
    x.bump_version()
    return x


def take_over(x: Tensor, new: Tensor, name: str) -> None:
    """Give x the history of `new`, whose numbers its memory already holds."""
    if x._base is None:
        x._take_history(new)
    else:
        _assign(x._base, new, _path(x, name))


def _assign(base: Tensor, value: TensorLike, path: Path) -> None:
    """Write `value` at `path` in the memory of `base`, and record it as the newest op."""
    base._take_history(Assign.apply(base, value, path=path))


def _arithmetic(
    x: Tensor, other: Operand, name: str, op: Callable[..., Tensor], ufunc: np.ufunc
) -> Tensor:
    check_writable(x, name)
    other = as_operand(other, name)
    if isinstance(other, array_function.Tensor):
        _check_fits(x, other.shape, name)
    other_recorded = (
        this_thread.modes.grad and isinstance(other, array_function.Tensor) and other._requires_grad
    )
    if (
        not other_recorded
        and not (this_thread.modes.grad and x._requires_grad)
        and x.dtype.kind in dtypes.FLOATS
    ):
        _, array = arithmetic.arrays_of(name, x, other)
        if array is other and dtypes.is_half(x.dtype):
            array = np.float32(other)  # exceeds 16 bits, although the product may not
        with arithmetic.quiet():
            ufunc(x.array, array, out=x.array, casting="same_kind")
        x.bump_version()
        return x
    # The derivative with respect to `other` needs the previous content of x.
    new = op(clone(x) if other_recorded else x, other)
    return _store(x, new, name)


def replace(
    x: Tensor, name: str, op: Callable[..., Tensor], *operands: Operand, **settings: Any
) -> Tensor:
    """x = op(x, *operands), in the memory of x: the general form of in-place operations.

    RuntimeError if an operand does not broadcast to x or x cannot hold the dtype of the result.
    """
    check_writable(x, name)
    given = [as_operand(y, name) for y in operands]
    recorded = this_thread.modes.grad and x._requires_grad
    for y in given:
        if isinstance(y, array_function.Tensor):
            _check_fits(x, y.shape, name)
            recorded = recorded or (this_thread.modes.grad and y.requires_grad)
    # Most derivatives need the previous content of x.
    return _store(x, op(clone(x) if recorded else x, *given, **settings), name)


def _store(x: Tensor, new: Tensor, name: str) -> Tensor:
    """`_overwrite` with a result, refusing a dtype that x cannot hold."""
    if not can_hold(x.dtype, new.dtype):
        raise RuntimeError(
            f"{name}: a result of dtype {new.dtype} cannot be stored in a tensor of dtype {x.dtype}"
        )
    return _overwrite(x, new, name)


def add_(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """input += alpha * other."""
    return _arithmetic(input, other if alpha == 1 else as_operand(other, "add_") * alpha, "add_",
                       arithmetic.add, np.add)  # fmt: skip


def sub_(input: Tensor, other: Operand, *, alpha: float = 1) -> Tensor:
    """input -= alpha * other."""
    arithmetic.check_difference("sub_", input, other)
    return _arithmetic(input, other if alpha == 1 else as_operand(other, "sub_") * alpha, "sub_",
                       arithmetic.sub, np.subtract)  # fmt: skip


def mul_(input: Tensor, other: Operand) -> Tensor:
    """input *= other."""
    return _arithmetic(input, other, "mul_", arithmetic.mul, np.multiply)


def div_(
    input: Tensor, other: Operand, *, rounding_mode: Literal["floor", "trunc"] | None = None
) -> Tensor:
    """input /= other, rounded as in `div`."""
    if rounding_mode is not None:
        return replace(input, "div_", arithmetic.div, other, rounding_mode=rounding_mode)
    return _arithmetic(input, other, "div_", arithmetic.div, np.divide)


def pow_(input: Tensor, exponent: Operand) -> Tensor:
    """input **= exponent."""
    return replace(input, "pow_", arithmetic.pow, exponent)


def remainder_(input: Tensor, other: Operand) -> Tensor:
    """input %= other."""
    return replace(input, "remainder_", arithmetic.remainder, other)


def floor_divide_(input: Tensor, other: Operand) -> Tensor:
    """input //= other; no gradient passes through it."""
    return replace(input, "floor_divide_", arithmetic.floor_divide, other)


def bitwise_and_(input: Tensor, other: Operand) -> Tensor:
    """input &= other, of integers or booleans."""
    return replace(input, "bitwise_and_", comparison.bitwise_and, other)


def bitwise_or_(input: Tensor, other: Operand) -> Tensor:
    """input |= other, of integers or booleans."""
    return replace(input, "bitwise_or_", comparison.bitwise_or, other)


def bitwise_xor_(input: Tensor, other: Operand) -> Tensor:
    """input ^= other, of integers or booleans."""
    return replace(input, "bitwise_xor_", comparison.bitwise_xor, other)


def bitwise_left_shift_(input: Tensor, other: Operand) -> Tensor:
    """input <<= other, of integers."""
    return replace(input, "bitwise_left_shift_", comparison.bitwise_left_shift, other)


def bitwise_right_shift_(input: Tensor, other: Operand) -> Tensor:
    """input >>= other, of integers."""
    return replace(input, "bitwise_right_shift_", comparison.bitwise_right_shift, other)


def clamp_(input: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Limit `input` to [min, max], in place."""
    check_writable(input, "clamp_")
    new = bounds.clamp(input, min, max)
    if not can_hold(input.dtype, new.dtype):
        raise RuntimeError(
            f"clamp_: a result of dtype {new.dtype} cannot be stored in a tensor of dtype "
            f"{input.dtype}"
        )
    _check_fits(input, new.shape, "clamp_")
    return _overwrite(input, new, "clamp_")


def copy_(input: Tensor, src: Operand, non_blocking: bool = False) -> Tensor:
    """Overwrite `input` with `src` (a Tensor or array on any device), broadcast and cast.

    `non_blocking` changes no result and is ignored.
    """
    check_writable(input, "copy_")
    new = as_operand(src, "copy_")
    if not isinstance(new, array_function.Tensor):
        return fill_(input, new)
    _check_fits(input, new.shape, "copy_")
    return _overwrite(input, new.to(device=input.device), "copy_", made_here=False)


def fill_(input: Tensor, value: float | Tensor) -> Tensor:
    """Set every element to `value`, a number or a 0-d tensor, which receives the gradient."""
    check_writable(input, "fill_")
    if isinstance(value, array_function.Tensor):
        if value.ndim:
            raise RuntimeError(
                f"fill_: value has {value.ndim} axes, must be a number or a 0-d tensor"
            )
        return copy_(input, value)
    return _overwrite(input, array_function.Tensor(fitting(value, input.dtype, "fill_")), "fill_")


def zero_(input: Tensor) -> Tensor:
    """Set every element to 0."""
    return fill_(input, 0)


def setitem(input: Tensor, key: Any, value: Operand) -> None:
    """input[key] = value, broadcast; gradients reach `value` and the rest of `input`."""
    check_writable(input, "setitem")
    value = as_operand(value, "setitem")
    if not isinstance(value, array_function.Tensor):
        value = fitting(value, input.dtype, "setitem")
    elif value.ndim:
        value = value.to(device=input.device)
    keys = keys_beside(input.array, array_keys(key), "setitem")
    recorded = this_thread.modes.grad and (
        input._requires_grad or (isinstance(value, array_function.Tensor) and value._requires_grad)
    )
    try:
        if not recorded:
            part = input.array
            for step in keys[:-1]:
                part = part[step]
            with arithmetic.quiet():
                part[keys[-1]] = value.array if isinstance(value, array_function.Tensor) else value
        else:
            path = tuple((Index, {"key": step}) for step in keys)
            if input._base is None:
                _assign(input, value, path)
            else:
                _assign(input._base, value, (*_path(input, "setitem"), *path))
    except ValueError as error:
        raise RuntimeError(f"setitem: {error}") from None
    except IndexError as error:
        raise IndexError(f"setitem: {error}") from None
    input.bump_version()
