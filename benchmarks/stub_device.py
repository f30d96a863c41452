"""A GPU of which only the host's side exists: arrays without numbers, kernels that are counted.

    with counting() as counts:
        loss.backward()
    counts.launches, counts.calls, counts.synchronisations

A StubArray has a shape and a dtype; its memory is reserved, but nobody writes or reads it. So a
step takes the time of the host's Python alone, and what it asks of the device is counted: launches
of our kernels, calls of the array library that would launch one of its own (allocations and views
do not), and synchronisations, where the host reads a number. Arrays without axes hold their one
number, so that conditions on losses are decided as usual.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest import mock

import numpy as np

from minitorch_cnn.kernels.cuda.array import EmulatorArray
from minitorch_cnn.kernels.cuda.emulator import Library
from minitorch_cnn.kernels.cuda.tape import Tape

VIEWS = "broadcast_to expand_dims moveaxis ndim reshape shape squeeze swapaxes transpose"
ALLOCATIONS = "empty empty_like may_share_memory shares_memory"
FREE = frozenset(VIEWS.split() + ALLOCATIONS.split())  # no kernel of the array library


TRUE = frozenset(["isfinite", "not_equal", "invert"])  # of zeros that are usual: finite, counted


@dataclass
class Counts:
    """What a device was asked for, in all and by name."""

    launches: int = 0
    calls: int = 0
    synchronisations: int = 0
    names: Counter[str] = field(default_factory=Counter)

    def launch(self, name: str) -> None:
        self.launches += 1
        self.names[f"kernel {name}"] += 1

    def call(self, name: str) -> None:
        self.calls += 1
        self.names[f"array {name}"] += 1

    def synchronise(self, name: str) -> None:
        self.synchronisations += 1
        self.names[f"wait {name}"] += 1


_counts = Counts()


def stub(shape: int | tuple[int, ...], dtype: Any) -> StubArray:
    """A StubArray; without axes a number, 0; of conditions all False."""
    shape = shape if isinstance(shape, tuple) else (shape,)
    if shape == ():
        return np.zeros((), dtype).view(StubArray)
    if dtype == np.bool_:
        return _conditions(shape, False)
    return np.empty(shape, dtype).view(StubArray)


def _conditions(shape: tuple[int, ...], value: bool) -> StubArray:
    return np.ndarray.__new__(StubArray, shape, np.bool_, _booleans(value))


@cache
def _booleans(value: bool) -> np.ndarray:
    return np.ones(2**24, np.bool_) if value else np.zeros(2**32, np.bool_)


def stubbed(array: Any) -> StubArray:
    """A StubArray of an array's shape and dtype."""
    return stub(array.shape, array.dtype)


class StubArray(EmulatorArray):
    """An array on a device that computes nothing."""

    @classmethod
    def uninitialised(cls, shape: Any, dtype: Any) -> StubArray:
        """A new array, as CuPy's `empty`."""
        return stub(tuple(shape) if isinstance(shape, list) else shape, dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **settings):
        _counts.call(ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}")
        if all(np.ndim(x) == 0 for x in (*inputs, *out)):
            result = super().__array_ufunc__(ufunc, method, *inputs, out=out, **settings)
            return out[0] if out else _stubs(result)
        if out:
            return out[0]
        if method == "reduce":
            return _reduced(ufunc, *inputs, **settings)
        if method != "__call__":
            raise NotImplementedError(f"StubArray: {ufunc.__name__}.{method}")
        return _elementwise(ufunc, inputs, settings.get("dtype"))

    def __array_function__(self, func, types, args, kwargs):
        name = func.__name__
        if name in FREE:
            return _stubs(super().__array_function__(func, types, args, kwargs))
        _counts.call(name)
        if name in ("zeros", "ones", "full"):
            dtype = kwargs.get("dtype", args[-1] if len(args) > 1 else np.float64)
            return self.uninitialised(args[0] if args else kwargs["shape"], dtype)
        if name in ("zeros_like", "ones_like", "full_like"):
            return stub(args[0].shape, kwargs.get("dtype") or args[0].dtype)
        if name == "count_nonzero":
            _counts.synchronise(name)
            return args[0].size * bool(args[0].view(np.ndarray).flat[0])
        if name == "copyto":
            return None
        return _stubs(super().__array_function__(func, types, args, kwargs))

    def __setitem__(self, key, value):
        _counts.call("setitem")
        if self.ndim == 0:
            super().__setitem__(key, value)

    def astype(self, dtype, *args, copy=True, **settings):
        """A new array, by a kernel of the array library."""
        if not copy and self.dtype == dtype:
            return self
        _counts.call("astype")
        return np.array(self, dtype).view(StubArray) if self.ndim == 0 else stub(self.shape, dtype)

    def copy(self, order="C"):
        """A new array, by a copy on the device."""
        _counts.call("copy")
        return np.array(self).view(StubArray) if self.ndim == 0 else stub(self.shape, self.dtype)

    def fill(self, value):
        """One kernel of the array library."""
        _counts.call("fill")

    def reshape(self, *shape, **settings):
        """A view, or a copy where the array has gaps."""
        if not self.flags.c_contiguous:
            _counts.call("copy")
        return super().reshape(*shape, **settings)

    def get(self):
        """The host's copy, for which it waits: zeros, or the number."""
        _counts.synchronise("get")
        return np.zeros(self.shape, self.dtype) if self.ndim else super().get()


def _waits(name: str) -> Any:
    def method(self, *args):
        _counts.synchronise(name)
        return getattr(np.ndarray, name)(self, *args)

    return method


for _name in ("__bool__", "__int__", "__float__", "__index__", "item", "tolist"):
    setattr(StubArray, _name, _waits(_name))


def _elementwise(ufunc: np.ufunc, inputs: tuple, dtype: Any) -> Any:
    shapes = [np.shape(x) for x in inputs]
    if ufunc.signature:  # matmul of matrices
        (*left, rows, _), (*right, _, columns) = shapes
        shape = (*np.broadcast_shapes(tuple(left), tuple(right)), rows, columns)
    else:
        shape = np.broadcast_shapes(*shapes)
    kinds = [x.dtype if hasattr(x, "dtype") else type(x) for x in inputs]
    dtypes = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout))[ufunc.nin :]
    if ufunc.__name__ in TRUE:
        return _conditions(shape, True)
    results = tuple(stub(shape, dtype or found) for found in dtypes)
    return results if len(results) > 1 else results[0]


def _reduced(ufunc: np.ufunc, x: Any, axis: Any = 0, dtype: Any = None, keepdims=False, **_) -> Any:
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = {a % x.ndim for a in axes}
    kept = [(1 if a in axes else n) for a, n in enumerate(x.shape) if keepdims or a not in axes]
    if dtype is None and ufunc.__name__ in ("logical_or", "logical_and"):
        dtype = np.bool_
    if dtype is None and x.dtype.kind in "bi" and ufunc.__name__ == "add":
        dtype = np.int64
    result = stub(tuple(kept), dtype or x.dtype)
    if result.ndim == 0 and x.dtype == np.bool_ and x.size:
        result.view(np.ndarray)[...] = x.view(np.ndarray).flat[0]
    return result


def _stubs(x: Any) -> Any:
    if isinstance(x, np.ndarray) and not isinstance(x, StubArray):
        return x.view(StubArray)
    return tuple(map(_stubs, x)) if isinstance(x, tuple) else x


@contextmanager
def counting() -> Iterator[Counts]:
    """Launch no kernel on stubs, and count what they ask of the device, until the block ends."""
    global _counts
    before, _counts = _counts, Counts()

    def launch(self, signature, *args):
        _counts.launch(signature.name)

    # A captured step is not noted: its replays compute nothing either.
    unnoted = {
        "note": lambda self, call: None,
        "made": lambda self, call, result, *sources: result,
    }
    try:
        with mock.patch.object(Library, "launch", launch), mock.patch.multiple(Tape, **unnoted):
            yield _counts
    finally:
        _counts = before
