"""Operations that overwrite a tensor: add_, sub_, mul_, div_, copy_, zero_, fill_, clamp_ and
x[key] = v.

Overwriting memory that a recorded op saved is caught at backward by the version that the memory's
owner and its views share. A write through a view is a write to its base: the base gets a new node
(`Assign`), and views look up their base's node when they are next used.
"""

from __future__ import annotations

import numpy as np

from ..autograd import function
from ..autograd.modes import modes
from . import arithmetic, elementwise
from .indexing import Assign, Index, array_key
from .movement import clone
from .promotion import as_operand


def _check_writable(x, name: str) -> None:
    if modes.grad:
        x._follow_base()
        owner = x if x._base is None else x._base
        if (x._requires_grad and x._node is None) or (owner._requires_grad and owner._node is None):
            raise RuntimeError(
                f"{name}: a leaf tensor that requires grad cannot be changed in place while ops "
                "are recorded; use no_grad"
            )
    if not x.data.flags.writeable:
        raise RuntimeError(
            f"{name}: the tensor's memory is read-only or repeats elements (expand); clone it first"
        )


def _overwrite(x, new, name: str):
    """Let `x` hold the numbers of `new` (a Tensor of x's shape or broadcastable to it) and its
    history.
    """
    if np.broadcast_shapes(x.shape, new.shape) != x.shape:
        raise RuntimeError(
            f"{name}: a result of shape {new.shape} cannot be stored in a tensor of shape {x.shape}"
        )
    if not (modes.grad and (new._requires_grad or x._requires_grad)):
        x.data[...] = new.data
    elif x._base is not None:
        _assign(x._base, new, x._path, name)
    elif new.shape == x.shape and new.dtype == x.dtype and new._node is not None:
        x.data[...] = new.data
        x._requires_grad, x._node, x._index = True, new._node, new._index
    else:
        _assign(x, new, ((Index, {"key": (Ellipsis,)}),), name)
    x._version.count += 1
    return x


def _assign(base, value, path, name: str) -> None:
    """Write `value` where `path` leads in the memory of `base`, and record it as the newest op."""
    if path is None:
        raise RuntimeError(
            f"{name}: the tensor is a view made under no_grad, to be changed under no_grad only"
        )
    y = Assign.apply(base, value, path=path)
    base._requires_grad, base._node, base._index = y._requires_grad, y._node, y._index


def _arithmetic(x, other, name, op, ufunc):
    _check_writable(x, name)
    other = as_operand(other, name)
    other_recorded = modes.grad and isinstance(other, function.Tensor) and other._requires_grad
    if not other_recorded and not (modes.grad and x._requires_grad) and x.dtype.kind == "f":
        array = other.data if isinstance(other, function.Tensor) else other
        with arithmetic.quiet():
            ufunc(x.data, array, out=x.data, casting="same_kind")
        x._version.count += 1
        return x
    # The derivative with respect to `other` needs what x held before.
    new = op(clone(x) if other_recorded else x, other)
    if not np.can_cast(new.dtype, x.dtype, "same_kind"):
        raise RuntimeError(
            f"{name}: a result of dtype {new.dtype} cannot be stored in a tensor of dtype {x.dtype}"
        )
    return _overwrite(x, new, name)


def add_(input, other, *, alpha=1):
    """input += alpha * other."""
    return _arithmetic(input, other if alpha == 1 else as_operand(other, "add_") * alpha, "add_",
                       arithmetic.add, np.add)  # fmt: skip


def sub_(input, other, *, alpha=1):
    """input -= alpha * other."""
    return _arithmetic(input, other if alpha == 1 else as_operand(other, "sub_") * alpha, "sub_",
                       arithmetic.sub, np.subtract)  # fmt: skip


def mul_(input, other):
    """input *= other."""
    return _arithmetic(input, other, "mul_", arithmetic.mul, np.multiply)


def div_(input, other):
    """input /= other."""
    return _arithmetic(input, other, "div_", arithmetic.div, np.divide)


def clamp_(input, min=None, max=None):
    """Limit `input` to [min, max]."""
    _check_writable(input, "clamp_")
    return _overwrite(input, elementwise.clamp(input, min, max), "clamp_")


def copy_(input, src):
    """Overwrite `input` with `src` (a Tensor or array), broadcast and cast."""
    _check_writable(input, "copy_")
    new = as_operand(src, "copy_")
    return _overwrite(
        input,
        new if isinstance(new, function.Tensor) else function.Tensor(np.asarray(new)),
        "copy_",
    )


def fill_(input, value):
    """Set every element to the number `value`."""
    _check_writable(input, "fill_")
    return _overwrite(input, function.Tensor(np.asarray(value, input.dtype)), "fill_")


def zero_(input):
    """Set every element to 0."""
    return fill_(input, 0)


def setitem(input, key, value) -> None:
    """input[key] = value, broadcast; gradients reach `value` and what is left of `input`."""
    _check_writable(input, "setitem")
    value = as_operand(value, "setitem")
    key = array_key(key)
    recorded = modes.grad and (
        input._requires_grad or (isinstance(value, function.Tensor) and value._requires_grad)
    )
    try:
        if not recorded:
            input.data[key] = value.data if isinstance(value, function.Tensor) else value
        elif input._base is None:
            _assign(input, value, ((Index, {"key": key}),), "setitem")
        else:
            path = None if input._path is None else (*input._path, (Index, {"key": key}))
            _assign(input._base, value, path, "setitem")
    except ValueError as error:
        raise RuntimeError(f"setitem: {error}") from None
    except IndexError as error:
        raise IndexError(f"setitem: {error}") from None
    input._version.count += 1
