"""Standin: the replacement of an array while a model is captured. It has a shape and a dtype.

It has no numbers, so an operation that needs them raises a CaptureError. NumPy's functions with a
rule (comparisons, rounding, argmax) are recorded as nodes. In-place writes are followed: each gives
the Standin a new value of the graph, and its views then record theirs from the new value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from .ir import Value
    from .recorder import Recorder


class Flags:
    """The flags of memory that is in order and may be written to."""

    c_contiguous = writeable = True


class View:
    """The relation of a view to its base.

    read(base): records the nodes that compute the view's value from the base's.
    write(base, new): records those that compute the base's value after `new` was written to the
    view; None if the view cannot be written to.
    """

    def __init__(
        self,
        base: Standin,
        read: Callable[[Standin], Standin],
        write: Callable[[Standin, Standin], Standin] | None,
    ) -> None:
        self.base, self.read, self.write = base, read, write
        self.version = base.version()


class Standin(np.lib.mixins.NDArrayOperatorsMixin):
    """A value of the graph that is being recorded, in the place of an array."""

    base = None
    __array_priority__ = 1000.0

    def __init__(self, recorder: Recorder, value: Value, view: View | None = None) -> None:
        self.recorder, self._value, self.view = recorder, value, view
        self.writes = 0
        self.shape: Any = value.shape
        self.dtype: Any = value.dtype
        self.device = recorder.device

    # ------------------------------------------------------------------------------------- facts

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for n in self.shape:
            size *= n
        return size

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        steps, step = [], self.itemsize
        for n in reversed(self.shape):
            steps.append(step)
            step *= n
        return tuple(reversed(steps))

    @property
    def flags(self) -> Flags:
        return Flags()

    @property
    def T(self) -> Standin:
        return self.transpose()

    def __len__(self) -> int:
        return self.shape[0]

    # ------------------------------------------------------------------------ values and writing

    def version(self) -> int:
        """The number of writes to this memory so far."""
        return self.writes + (self.view.base.version() if self.view else 0)

    @property
    def value(self) -> Value:
        """The value after all writes so far."""
        if self.view is not None:
            version = self.view.base.version()
            if version != self.view.version:
                self.view.version = version
                self._value = self.view.read(self.view.base)._value
        return self._value

    def replace(self, new: Standin) -> None:
        """Take the value of `new`, of the same shape, as a write to the whole of it does.

        Views of the same memory see the write when they are read next.
        """
        if self.view is None:
            self._value = new.value
            self.writes += 1
            return
        if self.view.write is None:
            self.recorder.refuse("writes into a part of a tensor that cannot be followed")
        base = self.view.base
        base.replace(self.view.write(base, new))
        self._value, self.view.version = new.value, base.version()

    def __setitem__(self, key: Any, new: Any) -> None:
        self.replace(self.recorder.assigned(self, key, new))

    def __getitem__(self, key: Any) -> Standin:
        return self.recorder.indexed(self, key)

    # ---------------------------------------------------------------------------- array methods

    def reshape(self, *shape: Any) -> Standin:
        return self.recorder.reshaped(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *dims: Any) -> Standin:
        if len(dims) == 1 and isinstance(dims[0], (tuple, list)):
            dims = tuple(dims[0])
        return self.recorder.permuted(self, dims or tuple(range(self.ndim))[::-1])

    def astype(self, dtype: Any, copy: bool = True) -> Standin:
        return self.recorder.cast(self, np.dtype(dtype))

    def copy(self) -> Standin:
        return Standin(self.recorder, self.value)

    # ----------------------------------------------------------------------- NumPy and the rest

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        return self.recorder.ufunc(self, ufunc, method, inputs, settings)

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        return self.recorder.numpy_function(self, function, args, settings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "get":
            raise AttributeError(name)
        self._refuse(f"uses {name!r} of an array")

    def _refuse(self, what: str) -> NoReturn:
        self.recorder.refuse(f"{what}, which needs the numbers of {self._origin()}")

    def _origin(self) -> str:
        return self.recorder.origin(self._value)

    def __array__(self, *args: Any, **settings: Any) -> NoReturn:
        self._refuse("makes an array of a tensor")

    def item(self) -> NoReturn:
        self._refuse("branches on the value of a tensor, or makes a number of it")

    __bool__ = __int__ = __float__ = __index__ = tolist = item

    def __iter__(self) -> NoReturn:
        self._refuse("loops over the values of a tensor")
