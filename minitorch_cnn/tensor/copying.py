"""Copy and pickle tensors, so that tensors that share memory also share it in the copy."""

from __future__ import annotations

import copy
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices
from ..autograd import array_function

if TYPE_CHECKING:
    from ..autograd.saved_values import Version
    from .tensor import Tensor
    from .types import Array, DType, Shape


# A tensor's own attributes; everything else in its __dict__ was set by the user.
_OWN = {"_grad", "_hooks", "_post_hooks", "_former"}

# id of the owner of memory -> its Memory, while in use
_memories: weakref.WeakValueDictionary[int, Memory] = weakref.WeakValueDictionary()


class Memory:
    """The bytes behind NumPy arrays: one object for all arrays that share them.

    copy and pickle process every object once, so they process the memory once. block: an array
    whose elements fill these bytes in order. origin: the array that owns them.
    """

    def __init__(self, block: Array, origin: Array | None = None) -> None:
        self.block, self.origin = block, origin

    @classmethod
    def of(cls, array: Array) -> Memory:
        """The memory that `array` views."""
        owner = owner_of(array)
        memory = _memories.get(id(owner))  # keeps the owner alive, and with it the id
        if memory is None:
            memory = _memories[id(owner)] = cls(_in_order(owner), owner)
        return memory

    def __deepcopy__(self, memo: dict[int, Any]) -> Memory:
        return Memory(self.block.copy())

    def __reduce__(self) -> tuple[Any, ...]:
        return Memory, (self.block,)

    def layout(self, array: Array) -> tuple[Any, ...]:
        """The position of `array` in this memory, as arguments of `array_at`."""
        offset = devices.address(array) - devices.address(self.block)
        steps = [s for s, n in zip(array.strides, array.shape, strict=True) if n > 1]
        repeats = array.size > 0 and 0 in steps
        kind = type(array) if devices.device_of(array) == "emulator" else np.ndarray
        return array.shape, array.dtype, offset, array.strides, repeats, kind

    def array_at(
        self,
        shape: Shape,
        dtype: DType,
        offset: int,
        strides: Shape,
        repeats: bool,
        kind: type[Array],
    ) -> Array:
        """The array with that layout; read-only if elements repeat."""
        array = block = self.block
        if (shape, dtype, offset, strides) != (block.shape, block.dtype, 0, block.strides):
            array = np.ndarray(shape, dtype, block, offset, strides)
            array.flags.writeable = not repeats
        return array if kind is np.ndarray else array.view(kind)


def owner_of(array: Array) -> Array:
    """The array that owns the memory of a view."""
    kind = np.ndarray if isinstance(array, np.ndarray) else type(array)
    while isinstance(array.base, kind):
        array = array.base
    return array


def _in_order(owner: Array) -> Array:
    """The memory of an array as an array in C order: the array itself, or its bytes."""
    if owner.flags.c_contiguous:
        return np.asarray(owner)
    import ctypes  # a browser has none

    reach = [(n - 1) * s for n, s in zip(owner.shape, owner.strides, strict=True)]
    low = devices.address(owner) + sum(step for step in reach if step < 0)
    size = sum(map(abs, reach)) + owner.itemsize
    block: Any = (ctypes.c_ubyte * size).from_address(low)
    return np.frombuffer(block, np.uint8)


def copied(tensor: Tensor) -> Tensor:
    """copy.copy: another tensor with the same memory and attributes."""
    _check_leaf(tensor, "copy")
    counter = tensor._shared_counter()
    return _made(type(tensor), tensor.array, tensor._requires_grad, counter, _attributes(tensor))


def deepcopied(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
    """copy.deepcopy: a tensor with new memory; copies of sharing tensors share it.

    A plain tensor keeps its `.grad`; a subclass (Parameter) starts without, as in PyTorch.
    """
    _check_leaf(tensor, "deepcopy")
    array = tensor.array
    if type(array) is np.ndarray:
        memory = Memory.of(array)
        array = copy.deepcopy(memory, memo).array_at(*memory.layout(array))
    else:
        array = array.copy()
    counter = copy.deepcopy(tensor._counter, memo)
    y = memo[id(tensor)] = _made(type(tensor), array, tensor._requires_grad, counter, {})
    y.__dict__.update(copy.deepcopy(_attributes(tensor), memo))
    if type(tensor) is array_function.Tensor and tensor.grad is not None:
        y.grad = copy.deepcopy(tensor.grad, memo)
    return y


def reduced(tensor: Tensor) -> tuple[Any, ...]:
    """The parts of a tensor that pickle keeps: everything except its `.grad` and hooks."""
    _check_leaf(tensor, "pickle")
    array, layout = tensor.array, None
    if type(array) is np.ndarray:
        array = Memory.of(array)
        layout = array.layout(tensor.array)
    state = type(tensor), array, layout, tensor._requires_grad, tensor._counter
    return _unpickled, state, _attributes(tensor) or None


def _unpickled(
    cls: type[Tensor],
    memory: Any,
    layout: tuple[Any, ...] | None,
    requires_grad: bool,
    counter: Version | None,
) -> Tensor:
    array = memory if layout is None else memory.array_at(*layout)
    if devices.device_of(array) != "cpu":
        devices.elsewhere = True
    return _made(cls, array, requires_grad, counter, {})


def _made(
    cls: type[Tensor],
    array: Array,
    requires_grad: bool,
    counter: Version | None,
    attributes: dict[str, Any],
) -> Tensor:
    y = cls.__new__(cls)
    y.__dict__.update(attributes)
    y.array, y._requires_grad, y._counter = array, requires_grad, counter
    y._node, y._index, y._base = None, 0, None
    return y


def _attributes(tensor: Tensor) -> dict[str, Any]:
    return {name: value for name, value in tensor.__dict__.items() if name not in _OWN}


def _check_leaf(tensor: Tensor, name: str) -> None:
    if tensor.grad_fn is not None:
        raise RuntimeError(f"{name}: only leaves can be copied; detach or clone the tensor")
