"""What each operation of Tensors becomes in a graph: arithmetic, reductions, moving numbers.

A rule takes the recorder, the operation's class, its inputs and its settings, records nodes and
returns the Standin of the result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..nn.hooks import Gate
from ..tensor.activation import Activation
from ..tensor.arithmetic import Add, Div, Fmod, Mul, Pow, Remainder, Sub, Where
from ..tensor.bounds import Clamp, Maximum, Minimum
from ..tensor.elementwise import (
    Abs,
    Cos,
    Erf,
    Exp,
    Expm1,
    Flat,
    Log,
    Log1p,
    Neg,
    Reciprocal,
    Rsqrt,
    Sin,
    Sqrt,
    Square,
    _signs,
)
from ..tensor.gathering import Gather, IndexSelect
from ..tensor.indexing import Assign, Index
from ..tensor.joining import Cat
from ..tensor.linalg import MatMul
from ..tensor.moments import Var
from ..tensor.movement import Cast, Clone, Expand, Flip, Move, Permute, Reshape, Roll
from ..tensor.padding import _PLACES, ConstantPad
from ..tensor.reduction import Cumsum, Extremum, Prod, Sum
from ..tensor.softmax import LogSoftmax, LogSumExp, Softmax
from ..tensor.trigonometry import Elementary
from .recorder import Recorder
from .standin import Standin, View

INT64 = np.dtype(np.int64)


def plain(operator: str, **attributes: Any) -> Callable[..., Any]:
    """The rule of an operation that is one operator."""
    return lambda rec, cls, *xs: rec.emit(operator, *xs, **attributes)


def number(x: float, like: Any) -> np.ndarray:
    """A number as a constant in the dtype of a tensor."""
    return np.asarray(x, like.dtype)


# -------------------------------------------------------------------------------------- arithmetic


def _div(rec: Recorder, cls: Any, a: Any, b: Any) -> Standin:
    """A sum divided by the number of its terms is a mean."""
    last = rec.nodes[-1] if rec.nodes else None
    if last is not None and last.operator == "ReduceSum" and rec.use(a) == last.outputs[0]:
        source, *_ = last.inputs
        x = rec.values[source]
        axes = rec.numbers[last.inputs[1]].tolist() if len(last.inputs) > 1 else []
        count = int(np.prod([x.shape[i] for i in axes])) if x.shape else 0
        if isinstance(b, np.ndarray) and b.ndim == 0 and float(b) == count and axes:
            rec.optional.add(last.name)
            keep = last.attributes["keepdims"]
            return rec.emit("ReduceMean", source, axes, keepdims=keep)
    return rec.emit("Div", a, b)


def _remainder(rec: Recorder, cls: Any, a: Any, b: Any) -> Standin:
    if a.dtype.kind not in dtypes.FLOATS:
        return rec.emit("Mod", a, b)
    return rec.emit("Sub", a, rec.emit("Mul", rec.emit("Floor", rec.emit("Div", a, b)), b))


def _where(rec: Recorder, cls: Any, a: Any, b: Any, mask: Any) -> Standin:
    return rec.emit("Where", mask, a, b)


def _clamp(rec: Recorder, cls: Any, x: Any, low: Any, high: Any) -> Standin:
    given = [b for b in (low, high) if b is not None]
    if all(len(b.shape) == 0 for b in given):
        return rec.emit("Clip", x, low, high)
    x = x if low is None else rec.emit("Max", x, low)
    return x if high is None else rec.emit("Min", x, high)


def _square(rec: Recorder, cls: Any, x: Any) -> Standin:
    return rec.emit("Mul", x, x)


def _rsqrt(rec: Recorder, cls: Any, x: Any) -> Standin:
    return rec.emit("Reciprocal", rec.emit("Sqrt", x))


def _expm1(rec: Recorder, cls: Any, x: Any) -> Standin:
    return rec.emit("Sub", rec.emit("Exp", x), number(1, x))


def _log1p(rec: Recorder, cls: Any, x: Any) -> Standin:
    return rec.emit("Log", rec.emit("Add", x, number(1, x)))


_STEPS = {np.floor: "Floor", np.ceil: "Ceil", np.round: "Round", _signs: "Sign"}


def _flat(rec: Recorder, cls: Any, x: Any, step: Any) -> Standin:
    if step is np.trunc:
        return rec.emit("Mul", rec.emit("Sign", x), rec.emit("Floor", rec.emit("Abs", x)))
    if step not in _STEPS:
        rec.refuse("rounds to decimals, which has no rule")
    return rec.emit(_STEPS[step], x)


def _elementary(rec: Recorder, cls: Any, x: Any) -> Standin:
    if cls.__name__ not in ("Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh",
                            "Atanh"):  # fmt: skip
        rec.refuse(f"calls {cls.__name__}, which has no rule")
    return rec.emit(cls.__name__, x)


def _activation(rec: Recorder, cls: Any, x: Any, settings: tuple[Any, ...] = ()) -> Standin:
    kind = cls.kind
    if kind == "relu6":
        return rec.emit("Clip", x, number(0, x), number(6, x))
    if kind == "leaky_relu":
        return rec.emit("LeakyRelu", x, alpha=settings[0])
    if kind == "elu":
        alpha, scale = settings
        if scale != 1:
            return rec.emit("Selu", x, alpha=alpha, gamma=scale)
        return rec.emit("Elu", x, alpha=alpha)
    if kind == "silu":
        return rec.emit("Mul", x, rec.emit("Sigmoid", x))
    if kind in ("gelu", "gelu_tanh"):
        return rec.emit("Gelu", x, approximate="tanh" if kind == "gelu_tanh" else None)
    operators = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "hardswish": "HardSwish"}
    if kind not in operators:
        rec.refuse(f"calls {cls.__name__}, which has no rule")
    return rec.emit(operators[kind], x)


def _matmul(
    rec: Recorder, cls: Any, a: Any, b: Any, a_turned: bool = False, b_turned: bool = False
) -> Standin:
    def turned(x: Any) -> Standin:
        ndim = len(x.shape)
        return rec.emit("Transpose", x, perm=(*range(ndim - 2), ndim - 1, ndim - 2))

    return rec.emit("MatMul", turned(a) if a_turned else a, turned(b) if b_turned else b)


# -------------------------------------------------------------------------------------- reductions


def _sum(rec: Recorder, cls: Any, x: Any, axes: Any, keepdim: bool) -> Standin:
    x = x if x.dtype.kind in dtypes.FLOATS else rec.cast(x, INT64)
    return reduced(rec, "ReduceSum", x, axes, keepdim)


def reduced(rec: Recorder, operator: str, x: Any, axes: Any, keepdim: bool) -> Standin:
    if not axes:
        return rec.emit("Identity", x)
    return rec.emit(operator, x, [int(a) for a in axes], keepdims=int(keepdim))


def _prod(rec: Recorder, cls: Any, x: Any, axes: Any, keepdim: bool) -> Standin:
    x = x if x.dtype.kind in dtypes.FLOATS else rec.cast(x, INT64)
    return reduced(rec, "ReduceProd", x, axes, keepdim)


def _extremum(rec: Recorder, cls: Any, x: Any, axes: Any, keepdim: bool, reduce: Any) -> Standin:
    return reduced(rec, "ReduceMax" if reduce is np.max else "ReduceMin", x, axes, keepdim)


def _log_sum_exp(rec: Recorder, cls: Any, x: Any, axes: Any, keepdim: bool) -> Standin:
    return reduced(rec, "ReduceLogSumExp", x, axes, keepdim)


def _var(rec: Recorder, cls: Any, x: Any, axes: Any, keepdim: bool, divisor: float) -> Standin:
    """The mean of the squares of what differs from the mean, times n / divisor."""
    centred = rec.emit("Sub", x, rec.emit("ReduceMean", x, list(axes), keepdims=1))
    y = reduced(rec, "ReduceMean", rec.emit("Mul", centred, centred), axes, keepdim)
    count = float(np.prod([x.shape[a] for a in axes]))
    return y if count == divisor else rec.emit("Mul", y, number(count / divisor, x))


def _cumsum(rec: Recorder, cls: Any, x: Any, axis: int) -> Standin:
    x = x if x.dtype.kind in dtypes.FLOATS else rec.cast(x, INT64)
    return rec.emit("CumSum", x, np.asarray(axis, np.int64))


def _along(operator: str) -> Callable[..., Any]:
    def rule(rec: Recorder, cls: Any, x: Any, axis: int | None) -> Standin:
        if axis is None:
            rec.refuse(f"calls {operator} of a 0-d tensor")
        return rec.emit(operator, x, axis=axis)

    return rule


# ---------------------------------------------------------------------------------- moving numbers


def _reshape(rec: Recorder, cls: Any, x: Any, shape: Any) -> Standin:
    return rec.reshaped(standing(rec, x), shape)


def standing(rec: Recorder, x: Any) -> Standin:
    """A Standin for an input; of a parameter, whose memory no graph writes to."""
    array = getattr(x, "array", x)
    return array if isinstance(array, Standin) else Standin(rec, rec.values[rec.use(x)])


def _permute(rec: Recorder, cls: Any, x: Any, dims: Any) -> Standin:
    return rec.permuted(standing(rec, x), dims)


def _expand(rec: Recorder, cls: Any, x: Any, shape: Any) -> Standin:
    x, shape = standing(rec, x), list(shape)
    y = rec.emit("Expand", x, shape)
    y.view = View(x, lambda base: rec.emit("Expand", base, shape), None)
    return y


def _index(rec: Recorder, cls: Any, x: Any, key: Any) -> Standin:
    return rec.indexed(standing(rec, x), key)


def _assign(rec: Recorder, cls: Any, *inputs: Any, **settings: Any) -> Standin:
    rec.refuse("writes into a tensor while gradients are recorded")


_FLIPPED = -(2**63) + 1


def _flip(rec: Recorder, cls: Any, x: Any, axes: Any) -> Standin:
    if not axes:
        return rec.emit("Identity", x)
    n = len(axes)
    return rec.emit("Slice", x, [-1] * n, [_FLIPPED] * n, list(axes), [-1] * n)


def _roll(rec: Recorder, cls: Any, x: Any, shifts: Any, axes: Any) -> Standin:
    for shift, axis in zip(shifts, axes, strict=True):
        n = x.shape[axis]
        at = -shift % n if n else 0
        if at:
            front = rec.emit("Slice", x, [at], [2**63 - 1], [axis])
            x = rec.emit("Concat", front, rec.emit("Slice", x, [0], [at], [axis]), axis=axis)
    return rec.emit("Identity", x)


def _cast(rec: Recorder, cls: Any, x: Any, dtype: Any) -> Standin:
    return rec.emit("Cast", x, to=np.dtype(dtype))


def _same(rec: Recorder, cls: Any, x: Any, **settings: Any) -> Standin:
    """The same numbers in other memory."""
    return Standin(rec, standing(rec, x).value)


def _gate(rec: Recorder, cls: Any, *xs: Any, passed: Any) -> tuple[Standin, ...]:
    return tuple(_same(rec, cls, x) for x in xs)


def _cat(rec: Recorder, cls: Any, *xs: Any, axis: int) -> Standin:
    return rec.emit("Concat", *xs, axis=axis)


def _pad(rec: Recorder, cls: Any, x: Any, widths: Any, value: Any) -> Standin:
    pads = [int(a) for a, _ in widths] + [int(b) for _, b in widths]
    filling = None if not np.any(value) else np.asarray(value, x.dtype)
    return rec.emit("Pad", x, pads, filling)


_BORDERS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _index_select(rec: Recorder, cls: Any, x: Any, indices: Any, axis: int) -> Standin:
    """A table that has the whole axis within it and a border around it is a Pad."""
    n = x.shape[axis]
    if not isinstance(indices, Standin):
        table = np.asarray(indices)
        whole = [a for a in range(len(table) - n + 1) if (table[a : a + n] == np.arange(n)).all()]
        for a in whole if len(table) > n else ():
            b = len(table) - n - a
            for mode, name in _BORDERS.items():
                places, widest = _PLACES[mode]
                if max(a, b) <= widest(n, a, b) and (places(n, a, b) == table).all():
                    return rec.emit("Pad", x, [a, b], None, [axis], mode=name)
        indices = table.astype(np.int64)
    return rec.emit("Gather", x, indices, axis=axis)


def _gather(rec: Recorder, cls: Any, x: Any, index: Any, axis: int) -> Standin:
    ours, theirs = tuple(x.shape), tuple(index.shape)
    cut = [i for i, (n, m) in enumerate(zip(ours, theirs, strict=True)) if m < n and i != axis]
    if cut:
        x = rec.emit("Slice", x, [0] * len(cut), [theirs[i] for i in cut], cut)
    return rec.emit("GatherElements", x, rec.cast(index, INT64) if isinstance(index, Standin)
                    else np.asarray(index, np.int64), axis=axis)  # fmt: skip


def nonlocals(f: Any) -> dict[str, Any]:
    """The settings that a function made within another has from it."""
    found = dict(inspect.getclosurevars(f).nonlocals)
    for value in list(found.values()):
        if inspect.isfunction(value):
            found |= nonlocals(value)
    return found


RULES: dict[type, Callable[..., Any]] = {
    Add: plain("Add"),
    Sub: plain("Sub"),
    Mul: plain("Mul"),
    Div: _div,
    Remainder: _remainder,
    Fmod: plain("Mod", fmod=1),
    Pow: plain("Pow"),
    Where: _where,
    Maximum: plain("Max"),
    Minimum: plain("Min"),
    Clamp: _clamp,
    Neg: plain("Neg"),
    Exp: plain("Exp"),
    Expm1: _expm1,
    Log: plain("Log"),
    Log1p: _log1p,
    Sqrt: plain("Sqrt"),
    Rsqrt: _rsqrt,
    Square: _square,
    Reciprocal: plain("Reciprocal"),
    Abs: plain("Abs"),
    Sin: plain("Sin"),
    Cos: plain("Cos"),
    Erf: plain("Erf"),
    Flat: _flat,
    Elementary: _elementary,
    Activation: _activation,
    MatMul: _matmul,
    Sum: _sum,
    Prod: _prod,
    Extremum: _extremum,
    Cumsum: _cumsum,
    Var: _var,
    LogSumExp: _log_sum_exp,
    Softmax: _along("Softmax"),
    LogSoftmax: _along("LogSoftmax"),
    Reshape: _reshape,
    Permute: _permute,
    Expand: _expand,
    Flip: _flip,
    Roll: _roll,
    Cast: _cast,
    Move: _same,
    Clone: _same,
    Gate: _gate,
    Index: _index,
    Assign: _assign,
    IndexSelect: _index_select,
    Gather: _gather,
    Cat: _cat,
    ConstantPad: _pad,
}
