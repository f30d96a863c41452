"""NumPy's functions of a Standin as nodes: comparisons, logic, rounding, argmax, any and all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from .standin import Standin

if TYPE_CHECKING:
    from .recorder import Recorder

PLAIN = {
    np.add: "Add", np.subtract: "Sub", np.multiply: "Mul", np.divide: "Div", np.negative: "Neg",
    np.equal: "Equal", np.greater: "Greater", np.greater_equal: "GreaterOrEqual", np.less: "Less",
    np.less_equal: "LessOrEqual", np.floor: "Floor", np.ceil: "Ceil", np.rint: "Round",
    np.isnan: "IsNaN", np.isinf: "IsInf", np.absolute: "Abs", np.sign: "Sign",
    np.maximum: "Max", np.minimum: "Min",
}  # fmt: skip
LOGIC = {
    np.logical_and: "And", np.logical_or: "Or", np.logical_xor: "Xor", np.bitwise_and: "And",
    np.bitwise_or: "Or", np.bitwise_xor: "Xor", np.logical_not: "Not", np.invert: "Not",
}  # fmt: skip
BOOL = np.dtype(bool)


def of_ufunc(rec: Recorder, ufunc: Any, method: str, inputs: Any, settings: Any) -> Any:
    """The node of an elementwise function; with `out` its result is written there."""
    out = settings.pop("out", (None,))[0]
    settings.pop("casting", None)
    if method != "__call__" or settings:
        rec.refuse(f"calls numpy.{ufunc.__name__}.{method}, which has no rule")
    y = _elementwise(rec, ufunc, list(inputs))
    if out is None:
        return y
    if not isinstance(out, Standin):
        rec.refuse("writes what the graph computes into an array of its own")
    y = rec.cast(y, out.dtype)
    out.replace(y if y.shape == out.shape else rec.emit("Expand", y, list(out.shape)))
    return out


def _elementwise(rec: Recorder, ufunc: Any, inputs: list[Any]) -> Standin:
    if ufunc in LOGIC:
        logical = ufunc.__name__.startswith("logical")
        if not logical and any(np.result_type(x.dtype) != BOOL for x in inputs):
            rec.refuse(f"calls numpy.{ufunc.__name__} of integers, which has no rule")
        return rec.emit(LOGIC[ufunc], *(_truth(rec, x) for x in inputs))
    inputs = _met(rec, inputs)
    if ufunc is np.not_equal:
        return rec.emit("Not", rec.emit("Equal", *inputs))
    if ufunc is np.isfinite:
        neither = rec.emit("Or", rec.emit("IsNaN", *inputs), rec.emit("IsInf", *inputs))
        return rec.emit("Not", neither)
    if ufunc is np.trunc:
        down = rec.emit("Floor", rec.emit("Abs", *inputs))
        return rec.emit("Mul", rec.emit("Sign", *inputs), down)
    if ufunc is np.floor_divide:
        if inputs[0].dtype.kind in dtypes.FLOATS:
            return rec.emit("Floor", rec.emit("Div", *inputs))
        rest = rec.emit("Mod", *inputs)  # Div of integers rounds towards zero
        return rec.emit("Div", rec.emit("Sub", inputs[0], rest), inputs[1])
    if ufunc is np.remainder and inputs[0].dtype.kind not in dtypes.FLOATS:
        return rec.emit("Mod", *inputs)
    if ufunc not in PLAIN:
        rec.refuse(f"calls numpy.{ufunc.__name__}, which has no rule")
    return rec.emit(PLAIN[ufunc], *inputs)


def _met(rec: Recorder, inputs: list[Any]) -> list[Any]:
    """The inputs in one dtype; numbers take that of the Standin beside them."""
    if len(inputs) < 2:
        return inputs
    kinds = [x.dtype if hasattr(x, "dtype") else type(x) for x in inputs]
    first = next(x for x in inputs if isinstance(x, Standin))
    plain = [np.ndim(x) == 0 and not isinstance(x, Standin) for x in inputs]
    dtype = first.dtype if any(plain) else np.result_type(*kinds)
    return [
        rec.cast(x, dtype) if isinstance(x, Standin) else np.asarray(x).astype(dtype)
        for x in inputs
    ]


def _truth(rec: Recorder, x: Any) -> Any:
    return rec.cast(x, BOOL) if isinstance(x, Standin) else np.asarray(x).astype(bool)


def of_function(rec: Recorder, function: Any, args: Any, settings: Any) -> Any:
    """The node of another function of NumPy."""
    name = function.__name__
    if "like" in settings:  # arrays made beside this one: constants
        settings.pop("like")
        return function(*args, **settings)
    if name in ("zeros", "empty", "ones", "full", "arange", "eye", "asarray", "array"):
        return function(*args, **settings)
    rule = FUNCTIONS.get(function)
    if rule is None:
        rec.refuse(f"calls numpy.{name}, which has no rule")
    return rule(rec, *args, **settings)


def _located(operator: str) -> Any:
    def rule(rec: Recorder, x: Standin, axis: int | None = None, keepdims: bool = False) -> Any:
        if axis is None:
            flat = rec.emit("Reshape", x, [-1])
            return rec.emit(operator, flat, axis=0, keepdims=0)
        return rec.emit(operator, x, axis=axis, keepdims=int(keepdims))

    return rule


def _reduced(operator: str) -> Any:
    """any and all: the largest and the smallest of 0 and 1."""

    def rule(rec: Recorder, x: Standin, axis: Any = None, keepdims: bool = False) -> Any:
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        numbers = rec.cast(_truth(rec, x), np.dtype(np.int32))
        if not list(axes):
            return _truth(rec, x)
        y = rec.emit(operator, numbers, list(axes), keepdims=int(keepdims))
        return rec.cast(y, BOOL)

    return rule


def _where(rec: Recorder, mask: Any, a: Any, b: Any) -> Standin:
    return rec.emit("Where", mask, a, b)


def _shape(rec: Recorder, x: Standin) -> Any:
    return x.shape


FUNCTIONS = {
    np.argmax: _located("ArgMax"),
    np.argmin: _located("ArgMin"),
    np.any: _reduced("ReduceMax"),
    np.all: _reduced("ReduceMin"),
    np.where: _where,
    np.shape: _shape,
    np.ndim: lambda rec, x: x.ndim,
    np.size: lambda rec, x: x.size,
}
