"""Array types identify the device: NumPy's the CPU, CuPy's a GPU, EmulatorArray an emulated GPU.

An EmulatorArray is a NumPy array that follows CuPy's rules: it does not mix with host arrays, no
operation converts one to the other implicitly, and an element or a sum is a 0-d array, not a
number. A program that runs with it is likely to run on a GPU. The operators compute it by the text
of their CUDA kernels, which the emulator runs on the CPU.
"""

import sys
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ..installed import is_installed
from .tape import (
    OF_UNKNOWN_SIZE,
    UNWRITTEN,
    WRITING,
    GraphError,
    making,
    reading,
    refuse_read,
    this_thread,
    writing,
)


class EmulatorArray(np.ndarray):
    """An array on the emulated GPU; `to_emulator` creates it, `get` copies it to the host."""

    @property
    def device(self) -> str:
        """The name of the device."""
        return "emulator"

    @classmethod
    def uninitialised(cls, shape: Any, dtype: Any) -> "EmulatorArray":
        """A new array whose elements are NaN, or -1: a number that nobody writes shows."""
        array = np.empty(shape, dtype)
        array.reshape(-1).view(np.uint8)[...] = 0xFF
        return array.view(cls)

    def get(self) -> np.ndarray:
        """A copy on the host, as CuPy's `get`."""
        refuse_read("get()")
        return self.view(np.ndarray).copy()

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **settings):
        if ufunc.__name__ in NOT_IN_CUPY or not hasattr(np, ufunc.__name__):
            raise TypeError(f"{ufunc.__name__}: CuPy has no such ufunc, nor has the emulator")
        _refuse_mixing(ufunc.__name__, [*inputs, *out, *settings.values()])
        if out:
            settings["out"] = host_view(out)
        call = partial(getattr(ufunc, method), *host_view(inputs), **host_view(settings))
        tape = this_thread.tape
        if tape is not None and (out or method == "at"):
            tape.note(call)
        else:
            result = emulator_view(call())
            if not out:
                return result if tape is None else tape.made(call, result, inputs)
        return out[0] if len(out) == 1 else out or None

    def __array_function__(self, func, types, args: Any, kwargs):
        name = func.__name__
        unknown = kwargs.keys() & (("initial",) if name in REDUCTIONS else ("device",))
        if unknown:  # NumPy adds a device to ones, full and eye, but not to zeros and empty
            raise TypeError(f"{name}: CuPy has no argument {unknown.pop()}, nor has the emulator")
        tape = this_thread.tape
        if func is np.asarray:  # np.asarray(array, like=emulated) copies to the emulator
            array, *settings = args
            if tape is not None and is_host_array(array) and array.ndim:
                raise GraphError(f"a copy of an array of the host, of shape {array.shape},")
            return to_emulator(host_view(array), *settings, **kwargs)
        _refuse_mixing(name, [*args, *kwargs.values()])
        call = partial(func, *host_view(args), **host_view(kwargs))
        if tape is not None and name in WRITING:
            return tape.note(call)
        if name in OF_UNKNOWN_SIZE or (name == "where" and len(args) == 1):
            refuse_read(f"{name}()")
        result = emulator_view(call())
        if tape is None or name in UNWRITTEN:
            return result
        return tape.made(call, result, args, kwargs)

    def __getitem__(self, key):
        if this_thread.tape is not None:
            return self._noted_part(key)
        part = super().__getitem__(key)
        if isinstance(part, np.ndarray):
            return part
        return super().__getitem__((*(key if isinstance(key, tuple) else (key,)), ...))

    def _noted_part(self, key):
        """A part while a tape records: a view, or a copy that a replay makes again."""
        keys = key if isinstance(key, tuple) else (key,)
        if any(isinstance(k, EmulatorArray) and k.dtype == np.bool_ for k in keys):
            raise GraphError("indexing by a mask, whose result's size depends on numbers,")

        key = host_view(keys if any(k is ... for k in keys) else (*keys, ...))
        call = partial(np.ndarray.__getitem__, self, key)
        return this_thread.tape.made(call, call(), self)

    def __setitem__(self, key, value):
        if is_host_array(value) and value.ndim:
            raise TypeError(f"setitem: an array of the host, of shape {value.shape}, {_RULE}")
        if this_thread.tape is not None:
            this_thread.tape.note(lambda: np.ndarray.__setitem__(self, key, value))
        else:
            super().__setitem__(key, value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def argmax(self, *args, **settings):
        """As NumPy's, an array also where one position is found."""
        return emulator_view(_argmax(self, *args, **settings))

    def argmin(self, *args, **settings):
        """As NumPy's, an array also where one position is found."""
        return emulator_view(_argmin(self, *args, **settings))


READING = ("__bool__", "__complex__", "__float__", "__index__", "__int__", "item", "nonzero")
MAKING = (
    *("argsort", "astype", "choose", "clip", "copy", "cumprod", "cumsum", "diagonal", "dot"),
    *("flatten", "ravel", "repeat", "reshape", "round", "searchsorted", "take", "trace"),
)

_RULE = "does not mix with an EmulatorArray; to_emulator takes it there"

REDUCTIONS = frozenset(["amax", "amin", "max", "min"])
NOT_IN_CUPY = frozenset(["isnat", "matvec", "spacing", "vecdot", "vecmat"])


def is_host_array(x) -> bool:
    """Whether x is a NumPy array of the host."""
    return isinstance(x, np.ndarray) and not isinstance(x, EmulatorArray)


def _refuse_mixing(name: str, values) -> None:
    """Raise TypeError if a host array is among the arguments of a function."""
    for x in values:
        if isinstance(x, (list, tuple)):
            _refuse_mixing(name, x)
        elif is_host_array(x):
            raise TypeError(f"{name}: an array of the host, of shape {x.shape}, {_RULE}")


def host_view(x) -> Any:
    """x with views of its emulator arrays as host arrays."""
    if isinstance(x, EmulatorArray):
        return x.view(np.ndarray)
    if isinstance(x, (list, tuple)):
        return type(x)([host_view(part) for part in x])
    if isinstance(x, dict):
        return {name: host_view(part) for name, part in x.items()}
    return x


def emulator_view(x) -> Any:
    """x with views of its arrays (and NumPy scalars) as emulator arrays."""
    if isinstance(x, (np.ndarray, np.generic)):
        return np.asarray(x).view(EmulatorArray)
    return tuple(map(emulator_view, x)) if isinstance(x, (list, tuple)) else x


_argmax, _argmin = (making(name, emulator_view) for name in ("argmax", "argmin"))
for _name in (*READING, "tolist"):
    setattr(EmulatorArray, _name, reading(_name))
for _name in MAKING:
    setattr(EmulatorArray, _name, making(_name, emulator_view))
for _name in ("fill", "partition", "put", "sort"):
    setattr(EmulatorArray, _name, writing(_name))


def to_emulator(array: np.ndarray, dtype: np.dtype | None = None) -> EmulatorArray:
    """A copy of a host array on the emulated GPU."""
    return np.array(array, dtype, order="C").view(EmulatorArray)


def to_host(array) -> np.ndarray:
    """Any array as a NumPy array: a copy, unless it is on the host."""
    return array if type(array) is np.ndarray else array.get()


# ------------------------------------------------------------- conditions that operators choose by


def on_host(case: Any) -> bool:
    """Whether the arrays of an operator's case are NumPy's."""
    array = getattr(case, "array", np.ndarray)
    return issubclass(array, np.ndarray) and not issubclass(array, EmulatorArray)


def anywhere(case: Any) -> bool:
    """True: for implementations that use only NumPy functions with CuPy counterparts."""
    return True


def is_emulated(case: Any) -> bool:
    """Whether the arrays of an operator's case are the emulator's."""
    return issubclass(case.array, EmulatorArray)


def on_gpu(case: Any) -> bool:
    """Whether the arrays of an operator's case are CuPy's."""
    return case.array.__module__.split(".")[0] == "cupy"


def with_floats(where: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """`where`, restricted to the dtypes of our CUDA kernels: float32 and float64."""
    return lambda case: where(case) and case.dtype in (np.float32, np.float64)


@cache
def has_gpu() -> bool:
    """Whether CuPy is installed and sees a GPU."""
    if not is_installed("cupy"):
        return False
    import cupy

    return bool(cupy.cuda.is_available())


@cache
def has_compiler() -> bool:
    """Whether the emulator runs here: on Linux with g++."""
    import shutil

    return sys.platform == "linux" and shutil.which("g++") is not None
