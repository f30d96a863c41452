"""Tensor: an array that records how it was computed.

The class holds the state: array, grad, and the node that made it. Properties of the array are in
facts.py and conversion.py, and how a view follows writes to its base is in history.py; the other
methods are a table of the functions of the neighbouring files (methods.py).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .. import devices, dtypes
from ..autograd import array_function, leaf_hooks, saved_values, usual_calls
from ..autograd.array_function import ArrayFunction, Hook, Hooks
from ..autograd.grad import backward, check_gradient
from ..autograd.saved_values import Version
from ..autograd.usual_calls import apply_two
from ..dtypes import float32, float64
from ..kernels.cuda.tape import this_thread as graph
from . import (
    arithmetic,
    comparison,
    copying,
    elementwise,
    indexing,
    inplace,
    linalg,
    numpy_calls,
)
from .conversion import Conversions
from .facts import Facts, Size
from .history import History
from .methods import Methods
from .promotion import is_operand

if TYPE_CHECKING:
    from .types import Array, Operand

# An operator accepts numbers and arrays beside a tensor, and returns NotImplemented for others.
_Op: TypeAlias = "Callable[[Any, Operand], Tensor]"


def _arithmetic(op: _Op, node: type[ArrayFunction]) -> _Op:
    """As `_operator`, without promotion where two tensors do not need it."""
    general = _operator(op)

    def method(self: Tensor, other: Operand) -> Tensor:
        if type(other) is Tensor:
            dtype = self.array.dtype
            if dtype is other.array.dtype and (dtype is float32 or dtype is float64):
                try:
                    return apply_two(node, self, other)
                except ValueError:  # the shapes do not broadcast: `general` names them
                    pass
        return general(self, other)

    return method


def _operator(op: _Op) -> _Op:
    """The method of an operator: `op(self, other)`, or NotImplemented for other operands."""

    def method(self: Tensor, other: Operand) -> Tensor:
        if type(other) is Tensor or is_operand(other):
            return op(self, other)
        return NotImplemented

    return method


def _reflected(op: _Op) -> _Op:
    """The method of an operator with the tensor on the right: `op(other, self)`."""

    def method(self: Tensor, other: Operand) -> Tensor:
        return op(other, self) if is_operand(other) else NotImplemented

    return method


def _matmul(a: Any, b: Any) -> Tensor:
    """a @ b, where one of the two may be an array."""
    a = a if isinstance(a, Tensor) else Tensor(a)
    return linalg.matmul(a, b if isinstance(b, Tensor) else Tensor(b))


def _as_pytorch(data: Any, *sizes: Any) -> Array:
    """The array of PyTorch's `Tensor(2, 3)` and `Tensor([1, 2])`, in the default float type."""
    given = (data, *sizes)
    if all(isinstance(n, int) and not isinstance(n, bool) for n in given):
        return np.zeros(given, dtypes.get_default_dtype())
    if sizes:
        raise TypeError(f"Tensor: sizes {given} must be integers")
    if isinstance(data, Size):
        return np.zeros(data, dtypes.get_default_dtype())
    return np.array(data, dtypes.get_default_dtype())


class Tensor(Facts, Conversions, Methods, History):
    """An n-dimensional array with a gradient.

    `array` is the array, `grad` the gradient that backward stored here (None until then). A leaf is
    a tensor that no recorded op made; only leaves with `requires_grad` (and tensors with
    `retain_grad`) get a `grad`. Tensor(array) wraps an array without copying it; `mt.tensor` copies
    and converts. As in PyTorch, Tensor(2, 3) has that shape (filled with zeros) and Tensor([1, 2])
    these numbers, both in the default float type.
    """

    # What ops read: a slot is found faster than an entry of a dictionary or a class's default.
    __slots__ = (
        "_base", "_counter", "_index", "_node", "_path", "_requires_grad", "_seen", "array",
    )  # fmt: skip

    array: Array
    _requires_grad: bool
    _node: ArrayFunction | None  # the op that made this tensor, and
    _index: int  # the number of this output
    _counter: Version | None  # of writes: created by the first, or to be shared
    _base: Tensor | None  # of a view: the tensor whose memory it shares
    # Only a view has these: the path from its base (the path of the view it was made from, an op
    # and its settings; None if not recorded), and the base's node when it was last checked.
    _path: tuple[Any, ...] | None
    _seen: ArrayFunction | None
    # The values of most tensors; an instance holds only those that differ.
    _grad: Tensor | None = None
    _former: Tensor | None = None  # after a change of shape: the base of the earlier views
    _hooks: Hooks | None = None  # of a leaf; those of other tensors are kept by their node
    _post_hooks: Hooks | None = None  # of a leaf: called after its gradient is in `grad`

    # Makes NumPy leave `array * tensor` to us instead of creating an array of objects.
    __array_ufunc__ = numpy_calls.call_ufunc
    __array_function__ = numpy_calls.call_function

    def __init__(self, data: Any = (), *sizes: int, requires_grad: bool = False) -> None:
        if sizes and isinstance(sizes[0], bool):
            (last,), sizes = sizes, ()
            requires_grad = bool(last)
        if sizes or type(data) is not np.ndarray:
            if sizes or isinstance(data, (int, list, tuple)):
                data = _as_pytorch(data, *sizes)
            elif isinstance(data, (np.generic, float)):
                data = np.asarray(data)
            elif not hasattr(data, "dtype") or isinstance(data, Tensor):
                raise TypeError(
                    f"Tensor: data must be an array or a number, got {type(data).__name__}; "
                    "mt.tensor takes anything else"
                )
            elif devices.device_of(data) != "cpu":
                devices.elsewhere = True
        self.array = data
        self._requires_grad, self._node, self._index = False, None, 0
        self._base = self._counter = None
        if requires_grad:
            self.requires_grad = True

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        return self.grad_fn is None

    @property
    def grad_fn(self) -> ArrayFunction | None:
        """The node of the op that made this tensor; None for a leaf."""
        self._follow_base()
        return self._node

    @property
    def requires_grad(self) -> bool:
        """Whether ops on this tensor are recorded."""
        self._follow_base()
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self.array.dtype.kind not in dtypes.FLOATS:
            raise RuntimeError(
                f"requires_grad: only floating-point tensors have gradients, got {self.dtype}"
            )
        if not value and self.grad_fn is not None:
            raise RuntimeError("requires_grad: only a leaf can be set to False; use detach")
        self._requires_grad = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` and return the tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this tensor, which is not a leaf."""
        node = self.grad_fn
        wishes = None if node is None else node.retained
        return bool(wishes) and self._index in wishes and wishes[self._index]() is self

    # ----------------------------------------------------------------------------------- gradients

    @property
    def grad(self) -> Tensor | None:
        """The gradient accumulated by backward passes, or None.

        Setting it to anything but None or a Tensor of the same shape, dtype and device raises
        TypeError or RuntimeError.
        """
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            check_gradient(self, value)
        if devices.elsewhere and graph.capture is not None:
            graph.capture.note_leaf(self)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add d self / d leaf to the `.grad` of every leaf of the graph, or of `inputs` only.

        `gradient` (of self's shape) may be omitted for a tensor of one element; see
        `autograd.backward`.
        """
        backward((self,), (gradient,), retain_graph, create_graph, inputs)

    @property
    def data(self) -> Tensor:
        """A tensor on the same memory without history; backward does not detect writes to it.

        Assigning a tensor makes this one use that tensor's memory: gradients of earlier results are
        refused. The history stays. `detach()` returns one whose writes are detected.
        """
        return Tensor(self.array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"data: value must be a Tensor, got {type(value).__name__}; `array` holds the array"
            )
        if self.requires_grad and value.dtype.kind not in dtypes.FLOATS:
            raise RuntimeError(
                f"data: a tensor that requires grad must be floating-point, got {value.dtype}"
            )
        later = Version()
        later.count = self._version + 1
        self._counter, self._base, self._path, self._seen = later, None, None, None
        self.array = value.array

    def detach(self) -> Tensor:
        """Return a tensor with the same memory, without history."""
        y = Tensor(self.array)
        y._counter = self._shared_counter()
        return y

    def detach_(self) -> Tensor:
        """Drop the history of this tensor."""
        if self._base is not None:
            raise RuntimeError("detach_: a view cannot be detached in place; use detach")
        self._node, self._requires_grad = None, False
        return self

    def register_hook(self, hook: Hook) -> HookHandle:
        """Call `hook(gradient)` when this tensor's gradient is computed; its result replaces it.

        Returns a handle whose `remove()` removes the hook.
        """
        if not self.requires_grad:
            raise RuntimeError("register_hook: the tensor does not require grad")
        if self._node is None:
            if self._hooks is None:
                self._hooks = {}
            return HookHandle(self._hooks, hook)
        if self._node.hooks is None:
            self._node.hooks = {}
        return HookHandle(self._node.hooks.setdefault(self._index, {}), hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], Any]) -> HookHandle:
        """Call `hook(tensor)` during backward, as soon as this leaf's `.grad` is complete.

        Returns a handle whose `remove()` removes the hook.

        Raises: RuntimeError unless the tensor is a leaf that requires grad.
        """
        if not self.requires_grad or self._node is not None:
            raise RuntimeError(
                "register_post_accumulate_grad_hook: the tensor must be a leaf that requires grad"
            )
        if self._post_hooks is None:
            self._post_hooks = {}
        leaf_hooks.in_use = True
        return HookHandle(self._post_hooks, hook)

    def retain_grad(self) -> None:
        """Make backward store the gradient in `.grad` although this is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad: the tensor does not require grad")
        if self._node is not None:
            if self._node.retained is None:
                self._node.retained = {}
            self._node.retained[self._index] = weakref.ref(self)

    # ------------------------------------------------------------------------------- as a sequence

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise TypeError("len: a 0-d tensor has no length")
        return self.array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self.array.ndim == 0:
            raise TypeError("iter: a 0-d tensor cannot be iterated over")
        return iter(self.unbind(0))

    def __contains__(self, element: Any) -> bool:
        return bool((self.array == getattr(element, "array", element)).any())

    __copy__, __deepcopy__ = copying.copied, copying.deepcopied

    def __reduce__(self) -> tuple[Any, ...]:
        return copying.reduced(self)

    # ----------------------------------------------------------------------------------- operators

    __hash__ = object.__hash__

    # Elementwise, as in NumPy and PyTorch: not a bool, unlike Python's own.
    def __eq__(self, other: object) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        if type(other) is Tensor or is_operand(other):
            return comparison.eq(self, other)
        return NotImplemented

    def __ne__(self, other: object) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        if type(other) is Tensor or is_operand(other):
            return comparison.ne(self, other)
        return NotImplemented

    __getitem__, __setitem__ = indexing.getitem, inplace.setitem
    __add__, __radd__ = _arithmetic(arithmetic.add, arithmetic.Add), _reflected(arithmetic.add)
    __sub__, __rsub__ = _arithmetic(arithmetic.sub, arithmetic.Sub), _reflected(arithmetic.sub)
    __mul__, __rmul__ = _arithmetic(arithmetic.mul, arithmetic.Mul), _reflected(arithmetic.mul)
    __truediv__, __rtruediv__ = (
        _arithmetic(arithmetic.div, arithmetic.Div),
        _reflected(arithmetic.div),
    )
    __floordiv__, __rfloordiv__ = (
        _operator(arithmetic.floor_divide),
        _reflected(arithmetic.floor_divide),
    )
    __mod__, __rmod__ = _operator(arithmetic.remainder), _reflected(arithmetic.remainder)
    __pow__, __rpow__ = _operator(arithmetic.pow), _reflected(arithmetic.pow)
    __matmul__, __rmatmul__ = _operator(_matmul), _reflected(_matmul)
    __iadd__, __isub__ = _operator(inplace.add_), _operator(inplace.sub_)
    __imul__, __itruediv__ = _operator(inplace.mul_), _operator(inplace.div_)
    __ifloordiv__, __imod__ = _operator(inplace.floor_divide_), _operator(inplace.remainder_)
    __ipow__ = _operator(inplace.pow_)
    __iand__, __ior__ = _operator(inplace.bitwise_and_), _operator(inplace.bitwise_or_)
    __ixor__ = _operator(inplace.bitwise_xor_)
    __ilshift__ = _operator(inplace.bitwise_left_shift_)
    __irshift__ = _operator(inplace.bitwise_right_shift_)
    __pos__, __neg__, __abs__ = elementwise.positive, elementwise.neg, elementwise.abs
    __invert__ = comparison.bitwise_not
    __lt__, __le__ = _operator(comparison.lt), _operator(comparison.le)
    __gt__, __ge__ = _operator(comparison.gt), _operator(comparison.ge)
    __and__, __rand__ = _operator(comparison.bitwise_and), _reflected(comparison.bitwise_and)
    __or__, __ror__ = _operator(comparison.bitwise_or), _reflected(comparison.bitwise_or)
    __xor__, __rxor__ = _operator(comparison.bitwise_xor), _reflected(comparison.bitwise_xor)
    __lshift__, __rlshift__ = (
        _operator(comparison.bitwise_left_shift),
        _reflected(comparison.bitwise_left_shift),
    )
    __rshift__, __rrshift__ = (
        _operator(comparison.bitwise_right_shift),
        _reflected(comparison.bitwise_right_shift),
    )


class HookHandle:
    """The handle from `register_hook`: `remove()`, or the end of a `with`, removes the hook."""

    def __init__(self, hooks: dict[object, Any], hook: object) -> None:
        # Not id(self): after a handle is freed, the next one may get its id.
        self._hooks, self._key = hooks, object()
        hooks[self._key] = hook

    def remove(self) -> None:
        """Remove the hook; calling this twice does no harm."""
        self._hooks.pop(self._key, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


array_function.Tensor = saved_values.Tensor = usual_calls.Tensor = Tensor
