"""The building blocks of PyTorch's pickles: storages, and tensors that are views of them.

A storage is a row of numbers of one type; a tensor is an offset, a size and a stride for each axis.
Several tensors may share a storage. Below is every global that a file may call; the other names
that it may contain are in `opaque`.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from math import prod
from typing import Any, BinaryIO, TypeVar

import numpy as np

from .. import dtypes
from ..data.pickle_machine import OPCODES, Global, PickleMachine, insert
from ..nn import Parameter
from ..tensor import Tensor
from .opaque import Opaque, is_harmless
from .torch_storages import OF_BYTES, STORAGES, UNTYPED, Storage, part_of

REFUSED = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_sparse_csr_tensor": "a sparse tensor",
    "torch._utils._rebuild_qtensor": "a quantised tensor",
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without numbers (device meta)",
    "torch._utils._rebuild_device_tensor_from_numpy": "a tensor of another device (XLA, HPU)",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "a tensor of another device (XLA, HPU)",
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a class of its own",
    "torch.ComplexHalfStorage": "complex numbers",
    "torch.ComplexFloatStorage": "complex numbers",
    "torch.ComplexDoubleStorage": "complex numbers",
    "torch.QInt8Storage": "quantised numbers",
    "torch.QUInt8Storage": "quantised numbers",
    "torch.QInt32Storage": "quantised numbers",
    "torch.QUInt4x2Storage": "quantised numbers",
    "torch.QUInt2x4Storage": "quantised numbers",
}

MOST_AXES = 64  # NumPy's limit


def is_enum_member(name: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a call is getattr(Class, "MEMBER"), as early releases of Python 3.11 write enums."""
    if name not in ("builtins.getattr", "__builtin__.getattr") or len(arguments) != 2:
        return False
    kind, member = arguments
    return isinstance(kind, Global) and is_harmless(kind.name) and isinstance(member, str)


Leaf = TypeVar("Leaf", bound=Tensor)


class TorchMachine(PickleMachine):
    """Reads a pickle of tensors, plain containers and numbers; other objects become opaque.

    make_storage(key, name, count) returns the file's storage `key`; it is called once per key.
    """

    def __init__(self, file: BinaryIO, make_storage: Callable[[str, str, int], Storage]):
        super().__init__(file)
        self.make_storage = make_storage
        self.storages: dict[str, Storage] = {}
        self.copied = 0

    def load(self) -> Any:
        value = super().load()
        refuse_leftovers(value)
        return value

    def find(self, name: str) -> Global:
        if name in REFUSED:
            raise ValueError(f"it holds {REFUSED[name]} ({name}), which is not supported")
        return Global(name)

    def call(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name in STORAGES:
            return super().call(name, arguments)
        if name not in REBUILD:
            if is_harmless(name):
                return Opaque(name)
            if is_enum_member(name, arguments):
                return Opaque(arguments[0].name)
            raise ValueError(
                f"it asks for {name}, a function; only tensors, numbers, text, plain containers "
                "and beside them objects of classes are admitted, and nothing was executed"
            )
        # A list of pairs, stored once in the pickle, may become many dicts: the total is limited.
        self.copied += sum(len(items) for items in arguments if type(items) is list)
        if self.copied > self.end:
            raise ValueError("it has dicts with more items than the file has bytes")
        try:
            return REBUILD[name](*arguments)
        except TypeError as error:
            raise ValueError(f"{name} has arguments that do not fit ({error})") from error

    def build(self, instance: Any, state: Any) -> None:
        """Drop a state_dict's `_metadata`; the first releases give parameters a flag."""
        if isinstance(instance, Opaque):
            return
        if type(instance) is OrderedDict and isinstance(state, dict):
            return
        if isinstance(instance, Parameter) and isinstance(state, tuple) and len(state) == 3:
            set_requires_grad(instance, state[0])
            return
        super().build(instance, state)

    def make(self) -> None:
        """Make an object of a class, whatever its name: opaque, or its equivalent here."""
        arguments, kind = self.pop(), self.pop()
        if not isinstance(kind, Global):
            raise ValueError(f"it makes an object of a {type(kind).__name__}")
        if kind.name in REBUILD or kind.name in STORAGES:
            self.push(self.call(kind.name, arguments))
        else:
            self.push(Opaque(kind.name))

    def make_with_names(self) -> None:
        """The same with keyword arguments, which no object rebuilt here has."""
        _, _, kind = self.pop(), self.pop(), self.pop()
        if not isinstance(kind, Global) or kind.name in REBUILD or kind.name in STORAGES:
            raise ValueError("it passes keyword arguments to an object that takes none")
        self.push(Opaque(kind.name))

    # The content of an opaque object is dropped; sets are opaque.

    def extend(self, items: list[Any]) -> None:
        if not isinstance(self.top(), Opaque):
            super().extend(items)

    def add_items(self) -> None:
        self.pop_to_mark()
        if not isinstance(self.top(), Opaque):
            raise ValueError("its pickle adds items to an object that is not a set")

    def frozen_set(self) -> None:
        self.pop_to_mark()
        self.push(Opaque("builtins.frozenset"))

    def update(self, items: list[Any]) -> None:
        """Update a dict; keys of types that a state_dict does not have become opaque."""
        target = self.top()
        if isinstance(target, Opaque):
            return
        kinds = Global | Opaque | Tensor | tuple
        odd = {i for i in range(0, len(items), 2) if isinstance(items[i], kinds)}
        if not odd or not isinstance(target, dict) or len(items) % 2:
            super().update(items)
            return
        for i in range(0, len(items), 2):
            if i in odd:
                target[Opaque(name_of(items[i]))] = items[i + 1]
            else:
                super().update(items[i : i + 2])

    def persistent(self, reference: Any) -> Storage | Global:
        """Resolve ("storage", type, key, device, count), in the older format with a view of it.

        The older format also has ("module", class, file, source) for a layer class: its name.
        """
        match reference:
            case ("module", Global() as kind, *_):
                return kind
            case ("storage", Global(name), str(key), str(), int(count), *rest) if name in STORAGES:
                storage = self.storage_of(key, name, count)
            case _:
                raise ValueError("it refers to data outside the pickle that are not a storage")
        match rest:
            case [] | [None]:
                return storage
            case [(str(), int(offset), int(size))] if 0 <= offset <= offset + size <= count:
                return part_of(storage, offset, size)
        raise ValueError(f"a part of storage {key!r} is not within its {count} numbers")

    def storage_of(self, key: str, name: str, count: int) -> Storage:
        if count < 0:
            raise ValueError(f"storage {key!r} has {count} numbers")
        if key not in self.storages:
            self.storages[key] = self.make_storage(key, name, count)
        storage = self.storages[key]
        if (storage.name, storage.count) != (name, count):
            raise ValueError(f"storage {key!r} is of two types or lengths")
        return storage


# fmt: off
TorchMachine.opcodes = OPCODES | {
    pickle.NEWOBJ: TorchMachine.make,
    pickle.NEWOBJ_EX: TorchMachine.make_with_names,
    pickle.EMPTY_SET: lambda m: m.push(Opaque("builtins.set")),
    pickle.ADDITEMS: TorchMachine.add_items,
    pickle.FROZENSET: TorchMachine.frozen_set,
    pickle.SHORT_BINBYTES: lambda m: m.push(m.read(m.read_count(1))),
    pickle.BINBYTES: lambda m: m.push(m.read(m.read_count(4))),
    pickle.BINBYTES8: lambda m: m.push(m.read(m.read_count(8))),
    pickle.BYTEARRAY8: lambda m: m.push(bytearray(m.read(m.read_count(8)))),
}
# fmt: on


def name_of(value: Any) -> str:
    """The class name of an opaque object, a tensor or a tuple."""
    if isinstance(value, Global | Opaque):
        return value.name
    return "torch.Tensor" if isinstance(value, Tensor) else f"builtins.{type(value).__name__}"


def refuse_leftovers(value: Any) -> None:
    """Refuse a result that is not data: a bare storage, or other objects without any tensor."""
    seen, waiting, other, tensors = set(), [value], None, False
    while waiting:
        value = waiting.pop()
        tensors = tensors or isinstance(value, Tensor)
        if isinstance(value, Global | Opaque):
            other = other or value
        if isinstance(value, Storage):
            raise ValueError("it holds a storage that belongs to no tensor")
        if isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)
    if other is None or tensors:
        return
    if isinstance(other, Global):
        raise ValueError(f"it holds {other.name} itself, which is neither tensor nor number")
    raise ValueError(
        f"it asks for {other.name}, a class, and holds no tensor besides (of a model, save its "
        "state_dict()); nothing was executed"
    )


# ------------------------------------------------------------- the functions that a file may name


def ordered_dict(pairs: list[Any] | None = None) -> OrderedDict[Any, Any]:
    """An OrderedDict: Python 2 passes a list of [key, value]; Python 3 fills an empty one later."""
    result = OrderedDict()
    if pairs is not None:
        if type(pairs) is not list or any(type(p) not in (list, tuple) for p in pairs):
            raise ValueError("it has an OrderedDict that is not made from a list of pairs")
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError("it has an OrderedDict that is not made from a list of pairs")
        insert(result, pairs)
    return result


def default_dict(factory: Global | None = None) -> dict[Any, Any]:
    """A defaultdict as a dict, which is filled later."""
    return {}


def size_tuple(size: tuple[Any, ...]) -> tuple[int, ...]:
    """torch.Size as a tuple."""
    refuse_unless_sizes("a size", size)
    return size


def rebuild_tensor(
    storage: Storage,
    offset: int,
    size: tuple[Any, ...],
    stride: tuple[Any, ...],
    requires_grad: bool = False,
    backward_hooks: Any = None,
    metadata: dict[Any, Any] | None = None,
) -> Tensor:
    """The tensor x[i, j, ...] = storage[offset + i * stride[0] + j * stride[1] + ...].

    It shares the memory of its storage with the storage's other tensors. Hooks are dropped.
    """
    if not isinstance(storage, Storage):
        raise ValueError("it has a tensor without a storage")
    refuse_unless_sizes("the size of a tensor", size)
    refuse_unless_sizes("the stride of a tensor", stride)
    refuse_unless_sizes("the offset of a tensor", (offset,))
    if metadata:
        raise ValueError("it has a conjugate or negative view, which is not supported")
    what = f"a tensor of size {size}, stride {stride} and offset {offset}"
    array = storage.array
    if len(size) != len(stride) or prod(max(n, 1) for n in size) * array.itemsize >= 2**63:
        raise ValueError(f"it has {what}, which no memory holds")
    if 0 in size:
        return leaf(Tensor, np.empty(size, array.dtype), requires_grad)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if last >= storage.count:
        raise ValueError(f"{what} reaches beyond its storage of {storage.count} numbers")
    # The stride of an axis of length 1 is never used and may be any number.
    steps = [step * array.itemsize if n > 1 else 0 for n, step in zip(size, stride, strict=True)]
    view = np.ndarray(size, array.dtype, array, offset * array.itemsize, steps)
    return leaf(Tensor, view, requires_grad)


def rebuild_tensor_of_bytes(
    storage: Storage,
    offset: int,
    size: tuple[Any, ...],
    stride: tuple[Any, ...],
    requires_grad: bool,
    backward_hooks: Any,
    dtype: Global,
    metadata: dict[Any, Any] | None = None,
) -> Tensor:
    """As `rebuild_tensor`, of a dtype that has no type of storage, on a storage of bytes."""
    if not isinstance(dtype, Global) or dtype.name not in OF_BYTES:
        raise ValueError(f"it holds a tensor of a dtype unknown here ({dtype}), not supported")
    if not isinstance(storage, Storage) or storage.name != UNTYPED:
        raise ValueError("it has a tensor without a storage")
    if storage.nbytes % OF_BYTES[dtype.name].itemsize:
        raise ValueError(f"a storage of {storage.nbytes} bytes holds no whole {dtype.name}")
    typed = Storage(UNTYPED, 0)
    typed.array = storage.array.view(OF_BYTES[dtype.name])
    typed.count = typed.array.size
    return rebuild_tensor(typed, offset, size, stride, requires_grad, backward_hooks, metadata)


def rebuild_parameter(
    data: Tensor, requires_grad: bool = True, backward_hooks: Any = None
) -> Parameter:
    """A parameter that shares the memory of the tensor `data`."""
    if not isinstance(data, Tensor):
        raise ValueError("it has a parameter without a tensor")
    parameter: Any = leaf(Parameter, data.array, requires_grad)
    return parameter


def rebuild_parameter_with_state(
    data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any
) -> Parameter:
    """A parameter with user attributes, which are dropped."""
    return rebuild_parameter(data, requires_grad)


def rebuild_from_type(
    function: Global, kind: Global, arguments: tuple[Any, ...], state: Any
) -> Tensor:
    """A tensor of a subclass, or with attributes: a plain tensor without them."""
    if not isinstance(function, Global) or function.name not in TENSORS:
        raise ValueError("it has a tensor that is rebuilt by an unknown function")
    return TENSORS[function.name](*arguments)


def leaf(kind: type[Leaf], array: np.ndarray, requires_grad: bool) -> Leaf:
    tensor = kind(array, requires_grad=False)
    set_requires_grad(tensor, requires_grad)
    return tensor


def set_requires_grad(tensor: Tensor, requires_grad: bool) -> None:
    possible = isinstance(requires_grad, bool) and tensor.dtype.kind in dtypes.FLOATS
    if not possible and requires_grad is not False:
        raise ValueError(f"a tensor of {tensor.dtype} has a requires_grad that it cannot have")
    tensor.requires_grad = requires_grad


def refuse_unless_sizes(what: str, numbers: tuple[Any, ...]) -> None:
    fit = type(numbers) is tuple and len(numbers) <= MOST_AXES
    if not fit or any(type(n) is not int or not 0 <= n < 2**63 for n in numbers):
        raise ValueError(f"{what} is no tuple of at most {MOST_AXES} integers >= 0")


TENSORS = {
    "torch._utils._rebuild_tensor": rebuild_tensor,  # the first releases
    "torch._utils._rebuild_tensor_v2": rebuild_tensor,
    "torch._utils._rebuild_tensor_v3": rebuild_tensor_of_bytes,
    "torch._utils._rebuild_parameter": rebuild_parameter,
    "torch.nn.parameter.Parameter": rebuild_parameter,  # the first releases
}
REBUILD = TENSORS | {
    "collections.OrderedDict": ordered_dict,
    "collections.defaultdict": default_dict,
    "torch.Size": size_tuple,
    "torch._utils._rebuild_parameter_with_state": rebuild_parameter_with_state,
    "torch._tensor._rebuild_from_type_v2": rebuild_from_type,
}
