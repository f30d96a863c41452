"""Tensor: an array that knows how it was made.

The class holds the state (array, grad, the node behind it) and what turns a tensor into something
else; its other methods are a table of the functions of the neighbouring files (methods.py).
"""

from __future__ import annotations

import math
import threading
import weakref

import numpy as np

from .. import backend, devices
from ..autograd import array_function
from ..autograd.array_function import Version
from ..autograd.grad import backward, check_gradient
from ..autograd.modes import enable_grad, this_thread
from . import (
    arithmetic,
    comparison,
    copying,
    elementwise,
    indexing,
    inplace,
    linalg,
    movement,
    numpy_calls,
)
from .copying import owner_of
from .methods import Methods
from .promotion import is_operand


def _operator(op):
    """The method of an operator: `op(self, other)`, or NotImplemented for what is no operand."""

    def method(self, other):
        if type(other) is Tensor or is_operand(other):
            return op(self, other)
        return NotImplemented

    return method


def _reflected(op):
    """The method of an operator whose tensor stands on the right: `op(other, self)`."""

    def method(self, other):
        return op(other, self) if is_operand(other) else NotImplemented

    return method


def _matmul(a, b):
    """a @ b, where one of the two may be an array."""
    a = a if isinstance(a, Tensor) else Tensor(a)
    return linalg.matmul(a, b if isinstance(b, Tensor) else Tensor(b))


class Size(tuple):
    """The sizes of a tensor's axes, as `size()` tells them."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements."""
        return math.prod(self)


def _as_pytorch(data, *sizes):
    """The array of PyTorch's `Tensor(2, 3)` and `Tensor([1, 2])`, in the default float type."""
    given = (data, *sizes)
    if all(isinstance(n, int) and not isinstance(n, bool) for n in given):
        return np.zeros(given, backend.get_default_dtype())
    if sizes:
        raise TypeError(f"Tensor: sizes {given} must be integers")
    if isinstance(data, Size):
        return np.zeros(data, backend.get_default_dtype())
    return np.array(data, backend.get_default_dtype())


_first_look = threading.Lock()  # threads that look at one memory must get one counter


class Tensor(Methods):
    """An n-dimensional array with a gradient.

    `array` is the array, `grad` the gradient that backward left here (None until then). A leaf is a
    tensor that no recorded op made; only leaves with `requires_grad` (and tensors asked by
    `retain_grad`) get a `grad`. Tensor(array) wraps an array without copying it; `mt.tensor` copies
    and converts. As in PyTorch, Tensor(2, 3) is one of that shape (of zeros) and Tensor([1, 2]) one
    of these numbers, both in the default float type.
    """

    # What most tensors have; an instance holds only what differs.
    _grad = None
    _requires_grad = False
    _node, _index = None, 0  # the op that made this tensor, and which of its outputs this is
    # Of a view: the tensor it looks into, and how (the path of the view it was made from, an op and
    # its settings; None if that was not recorded), and the node of that tensor when last looked at.
    _base, _path, _seen = None, None, None
    _hooks = None  # of a leaf; those of other tensors are kept by their node
    _counter = None  # of writes to the memory: made by the first write, or to be shared

    # NumPy leaves `array * tensor` to us instead of making an array of objects.
    __array_ufunc__ = numpy_calls.call_ufunc
    __array_function__ = numpy_calls.call_function

    def __init__(self, data=(), *sizes: int, requires_grad: bool = False):
        if sizes and isinstance(sizes[0], bool):
            (requires_grad,), sizes = sizes, ()
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
        if requires_grad:
            self.requires_grad = True

    # ---------------------------------------------------------------------------------- what it is

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype:
        """The number format, one of NumPy's."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    @property
    def device(self) -> devices.device:
        """Where the array lies: "cpu", "cuda:i" or "emulator"."""
        return devices.device_of(self.array)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        return self.grad_fn is None

    @property
    def grad_fn(self):
        """The node of the op that made this tensor; None for a leaf."""
        self._follow_base()
        return self._node

    @property
    def T(self):
        """The axes in reverse order."""
        return self.permute(*range(self.ndim - 1, -1, -1))

    @property
    def mT(self):
        """The last two axes exchanged."""
        return self.transpose(-1, -2)

    @property
    def requires_grad(self) -> bool:
        """Whether ops on this tensor are recorded."""
        self._follow_base()
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool):
        if value and self.array.dtype.kind != "f":
            raise RuntimeError(
                f"requires_grad: only floating-point tensors have gradients, got {self.dtype}"
            )
        if not value and self.grad_fn is not None:
            raise RuntimeError("requires_grad: only a leaf can be set to False; use detach")
        self._requires_grad = bool(value)

    def requires_grad_(self, requires_grad: bool = True):
        """Set `requires_grad` and return the tensor."""
        self.requires_grad = requires_grad
        return self

    def size(self, dim=None):
        """The shape, or the size of one axis."""
        if dim is None:
            return Size(self.shape)
        return self.shape[movement.axis_of(dim, self.ndim, "size")]

    def dim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    nelement = numel

    def element_size(self) -> int:
        """The bytes of one element."""
        return self.array.itemsize

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.array.nbytes

    def data_ptr(self) -> int:
        """The address of the first element, in main memory or in the GPU's."""
        return devices.address(self.array)

    def stride(self, dim=None):
        """The elements in memory from one index to the next, of every axis or of one."""
        steps = tuple(step // self.array.itemsize for step in self.array.strides)
        return steps if dim is None else steps[movement.axis_of(dim, self.ndim, "stride")]

    def get_device(self) -> int:
        """The number of the GPU that the tensor lies on; -1 in main memory."""
        return -1 if self.device.index is None else self.device.index

    def pin_memory(self):
        """The tensor itself: memory is not pinned."""
        return self

    def is_pinned(self) -> bool:
        """False: memory is not pinned."""
        return False

    @property
    def is_cpu(self) -> bool:
        """Whether the tensor lies in main memory."""
        return self.device == "cpu"

    @property
    def is_cuda(self) -> bool:
        """Whether the tensor lies on a GPU."""
        return self.device.startswith("cuda")

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` asked for the gradient of this tensor, which is no leaf."""
        wishes = None if self.grad_fn is None else self._node.retained
        return bool(wishes) and self._index in wishes and wishes[self._index]() is self

    def is_contiguous(self, memory_format=None) -> bool:
        """Whether the elements lie in memory in order, without gaps; with "channels_last" whether
        those of an image (N, C, H, W) lie in the order (N, H, W, C).
        """
        if memory_format == backend.channels_last:
            return self.array.ndim == 4 and self.array.transpose(0, 2, 3, 1).flags.c_contiguous
        return self.array.flags.c_contiguous

    def is_floating_point(self) -> bool:
        """Whether the dtype is a float."""
        return self.array.dtype.kind == "f"

    # ----------------------------------------------------------------------------------- gradients

    @property
    def grad(self):
        """The gradient that backward passes have added up here, or None.

        Set to anything but None or a Tensor of the same shape, dtype and device it raises TypeError
        or RuntimeError.
        """
        return self._grad

    @grad.setter
    def grad(self, value):
        if value is not None:
            check_gradient(self, value)
        self._grad = value

    @grad.deleter
    def grad(self):
        self._grad = None

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None) -> None:
        """Add d self / d leaf to the `.grad` of every leaf behind this tensor, or of `inputs` only.

        `gradient` (of self's shape) may be left out for a tensor of one element;
        `autograd.backward` says the rest.
        """
        backward((self,), (gradient,), retain_graph, create_graph, inputs)

    @property
    def data(self):
        """A tensor on the same memory without a history; no backward notices what it writes.

        Set to a tensor, this one is that memory from then on: gradients of what was computed of the
        old values are refused. Its history stays. `detach()` is the one whose writes are noticed.
        """
        return Tensor(self.array)

    @data.setter
    def data(self, value):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"data: value must be a Tensor, got {type(value).__name__}; `array` holds the array"
            )
        if self.requires_grad and value.dtype.kind != "f":
            raise RuntimeError(
                f"data: a tensor that requires grad must be floating-point, got {value.dtype}"
            )
        later = Version()
        later.count = self._version + 1
        self._counter, self._base, self._path, self._seen = later, None, None, None
        self.array = value.array

    def detach(self):
        """The same memory without a history."""
        y = Tensor(self.array)
        y._counter = self._shared_counter()
        return y

    def detach_(self):
        """Forget the history of this tensor."""
        if self._base is not None:
            raise RuntimeError("detach_: a view cannot be detached in place; use detach")
        self._node, self._requires_grad = None, False
        return self

    def register_hook(self, hook):
        """Call `hook(gradient)` when the gradient of this tensor has been computed; what it returns
        replaces it.

        Returns a handle whose `remove()` takes the hook away.
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

    def retain_grad(self) -> None:
        """Let backward leave the gradient in `.grad` though this is no leaf."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad: the tensor does not require grad")
        if self._node is not None:
            if self._node.retained is None:
                self._node.retained = {}
            self._node.retained[self._index] = weakref.ref(self)

    def _take_history(self, other) -> None:
        """Be from now on what `other` is: that output of its node.

        What `retain_grad` asked for moves along; hooks stay with the value they were registered on.
        """
        node, index = other._node, other._index
        if self._node is not None and self._node.retained:
            wish = self._node.retained.get(self._index)
            if wish is not None and wish() is self:
                del self._node.retained[self._index]
                if node.retained is None:
                    node.retained = {}
                node.retained[index] = wish
        self._requires_grad, self._node, self._index = other._requires_grad, node, index

    @property
    def _version(self):
        """How often the memory has been written to in place."""
        return 0 if self._counter is None else self._counter.count

    def _shared_counter(self):
        """The counter of these writes, for others who look at the same memory."""
        if self._counter is None:
            with _first_look:
                if self._counter is None:
                    self._counter = Version()
        return self._counter

    def _become_view(self, source, op, settings, recording: bool) -> None:
        """Share the version of `source` if memory is shared, and remember the way from its base."""
        memory, array = self.array.base, source.array
        near = memory is array or (memory is not None and memory is array.base)
        if not near and self.array.size and owner_of(self.array) is not owner_of(array):
            return
        self._counter = source._counter or source._shared_counter()
        base, path = source._base, source._path
        if base is None:
            base, path = source, ()
        self._base, self._seen = base, base._node
        if path is not None and recording:
            self._path = path, op, settings

    def _way_from_base(self) -> list:
        """The view ops that lead from the base to this view, each with its settings."""
        way, path = [], self._path
        while path:
            path, op, settings = path
            way.append((op, settings))
        return way[::-1]

    def _follow_base(self) -> None:
        """Take up the history that in-place writes to the base have given this view."""
        base = self._base
        if base is None or self._seen is base._node:
            return
        if self._path is None:
            if not this_thread.modes.grad:
                return
            raise RuntimeError(
                "view: the tensor is a view made under no_grad, and the memory it looks into has "
                "been changed in place while ops were recorded; make both there or both outside"
            )
        again = base
        with enable_grad():
            for op, settings in self._way_from_base():
                again = op.apply(again, **settings)
        self._seen = base._node
        self._take_history(again)

    # ------------------------------------------------------------------------------- to other kinds
    # of thing

    def numpy(self, *, force=False) -> np.ndarray:
        """The array itself, sharing memory; with `force` what `detach().cpu().numpy()` gives.

        RuntimeError for a tensor that requires grad, TypeError for one that is not on the CPU.
        """
        if force:
            return self.detach().cpu().array
        if self.requires_grad:
            raise RuntimeError("numpy: the tensor requires grad; use detach().numpy()")
        if self.device != "cpu":
            raise TypeError(f"numpy: the tensor lies on {self.device}; use cpu() to copy it first")
        return self.array

    def __array__(self, dtype=None, copy=None):
        array = self.numpy()
        if dtype is not None and dtype != array.dtype:
            if copy is False:
                raise ValueError(f"__array__: a copy is needed to turn {array.dtype} into {dtype}")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, **options):
        self._check_shareable("__dlpack__")
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        self._check_shareable("__dlpack_device__")
        return self.array.__dlpack_device__()

    @property
    def __cuda_array_interface__(self) -> dict:
        if not self.device.startswith("cuda"):
            raise AttributeError(
                f"__cuda_array_interface__: the tensor lies on {self.device}, not on a GPU"
            )
        self._check_shareable("__cuda_array_interface__")
        return self.array.__cuda_array_interface__

    def _check_shareable(self, name: str) -> None:
        if self.requires_grad:
            raise RuntimeError(f"{name}: the tensor requires grad; use detach() first")
        if self.device == "emulator":
            raise RuntimeError(f"{name}: other programs know no emulator; use cpu() first")

    def item(self):
        """The one element as a Python number."""
        if self.array.size != 1:
            raise RuntimeError(
                f"item: a tensor of shape {self.shape} has {self.numel()} elements, must have one"
            )
        return self.array.item()

    def tolist(self):
        """The elements as nested lists of Python numbers."""
        return self.array.tolist()

    def cpu(self):
        """The tensor in main memory."""
        return self.to("cpu")

    def cuda(self, device=None, non_blocking=False):
        """The tensor on the GPU "cuda:0", or on the one that `device` names or numbers."""
        if isinstance(device, int):
            device = f"cuda:{device}"
        return self.to("cuda" if device is None else device)

    def float(self):
        """The tensor as float32."""
        return self.to(backend.float32)

    def double(self):
        """The tensor as float64."""
        return self.to(backend.float64)

    def half(self):
        """The tensor as float16."""
        return self.to(backend.float16)

    def long(self):
        """The tensor as int64."""
        return self.to(backend.int64)

    def int(self):
        """The tensor as int32."""
        return self.to(backend.int32)

    def bool(self):
        """The tensor as bool."""
        return self.to(backend.bool_)

    def byte(self):
        """The tensor as uint8."""
        return self.to(backend.uint8)

    def short(self):
        """The tensor as int16."""
        return self.to(backend.int16)

    def char(self):
        """The tensor as int8."""
        return self.to(backend.int8)

    def type(self, dtype=None, non_blocking=False):
        """The name of the tensor's type, "torch.FloatTensor" or the like; with `dtype` (a dtype,
        such a name or class) the tensor converted to it.
        """
        from .legacy import type_of

        return type_of(self, dtype)

    def type_as(self, other):
        """The tensor in the dtype and on the device of `other`."""
        return self.to(other.dtype).to(other.device)

    def bump_version(self) -> None:
        """Tell the graph that `data` was written to directly."""
        self._shared_counter().count += 1

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise RuntimeError(
                f"bool: a tensor of shape {self.shape} has no truth value; use any() or all()"
            )
        return self.array.item() != 0

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        if self.array.dtype.kind not in "iu" or self.array.size != 1:
            raise TypeError(
                f"index: only an integer tensor of one element is, got {self.dtype} {self.shape}"
            )
        return self.array.item()

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise TypeError("len: a 0-d tensor has no length")
        return self.array.shape[0]

    def __iter__(self):
        if self.array.ndim == 0:
            raise TypeError("iter: a 0-d tensor cannot be iterated over")
        return iter(self.unbind(0))

    def __format__(self, spec: str) -> str:
        if self.array.ndim == 0 and (spec or type(self) is Tensor):
            return format(self.item(), spec)
        if spec:
            raise TypeError(
                f"format: a tensor of shape {self.shape} has no format {spec!r}; only numbers "
                "(0-d tensors) have"
            )
        return str(self)

    def __round__(self, ndigits=None):
        return self.round(decimals=ndigits) if ndigits else self.round()

    def __contains__(self, element) -> bool:
        return bool((self.array == getattr(element, "array", element)).any())

    def __repr__(self) -> str:
        array = devices.to_host(self.array)
        text = np.array2string(array, separator=", ", precision=4, prefix="tensor(")
        notes = []
        if self.array.dtype not in (backend.get_default_dtype(), backend.int64, backend.bool_):
            notes.append(f"dtype={self.array.dtype}")
        if self.device != "cpu":
            notes.append(f"device='{self.device}'")
        if self.grad_fn is not None:
            notes.append(f"grad_fn=<{type(self._node).__name__}>")
        elif self._requires_grad:
            notes.append("requires_grad=True")
        return f"tensor({', '.join([text, *notes])})"

    __copy__, __deepcopy__, __reduce__ = copying.copied, copying.deepcopied, copying.reduced

    # ----------------------------------------------------------------------------------- operators

    __hash__ = object.__hash__

    __getitem__, __setitem__ = indexing.getitem, inplace.setitem
    __add__, __radd__ = _operator(arithmetic.add), _reflected(arithmetic.add)
    __sub__, __rsub__ = _operator(arithmetic.sub), _reflected(arithmetic.sub)
    __mul__, __rmul__ = _operator(arithmetic.mul), _reflected(arithmetic.mul)
    __truediv__, __rtruediv__ = _operator(arithmetic.div), _reflected(arithmetic.div)
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
    __eq__, __ne__ = _operator(comparison.eq), _operator(comparison.ne)
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
    """What `register_hook` returns: `remove()`, or the end of a `with`, takes the hook away."""

    def __init__(self, hooks: dict, hook):
        # Not id(self): a handle that nobody keeps dies, and the next one may get its id.
        self._hooks, self._key = hooks, object()
        hooks[self._key] = hook

    def remove(self) -> None:
        """Take the hook away; doing it twice does no harm."""
        self._hooks.pop(self._key, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *error) -> None:
        self.remove()


array_function.Tensor = Tensor
