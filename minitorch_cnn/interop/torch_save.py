"""Write files like `torch.save` without PyTorch: zip archives that `weights_only` loaders read.

The object is written as a pickle program (protocol 2): plain data, and for each tensor the call
that rebuilds it from a storage, which is a member of the archive (see `torch_storages`).
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .. import dtypes
from ..devices import is_array
from ..dtypes import is_bfloat16
from ..nn import Module, Parameter
from ..tensor.tensor import Tensor
from .safetensors import array_of
from .torch_storages import STORAGES, UNTYPED

FOLDER = "archive"
# The storage type of each dtype but bfloat16.
TYPES = {dtype: name for name, dtype in STORAGES.items() if "BFloat" not in name}
TYPES |= {dtypes.uint8: "torch.ByteStorage"} | dict.fromkeys(dtypes.WIDE_UNSIGNED, UNTYPED)


def torch_bytes(obj: Any) -> bytes:
    """Encode `obj` as the content of a file; the same object gives the same bytes.

    Raises: as `save`.
    """
    writer = _Writer(obj)
    try:
        writer.put(obj)
    except RecursionError as error:
        raise ValueError("save: obj is nested too deeply") from error
    members = {
        "data.pkl": b"\x80\2" + b"".join(writer.program) + pickle.STOP,
        "byteorder": b"little",
        **{f"data/{i}": row.tobytes() for i, row in enumerate(writer.rows)},
        "version": b"3\n",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"{FOLDER}/{name}"), content)  # dated 1980
    return buffer.getvalue()


class _Writer:
    """Opcodes that build one object, and the storages of its tensors."""

    def __init__(self, obj: Any):
        self.program: list[bytes] = []
        self.rows: list[np.ndarray] = []
        self.kept: dict[int, tuple[int, object]] = {}  # by id: the index in the pickle's memo
        self.storages: dict[int, int] = {}  # by id of an array that tensors share: its number
        self.roots: list[np.ndarray] = []  # kept alive, so that their ids stay unique
        self.arrays = {id(t): array_of("obj", t) for t in tensors_in(obj)}
        self.uses = Counter(id(root_of(array)) for array in self.arrays.values())

    def put(self, value: Any) -> None:
        """Push `value`; an object that was pushed before is pushed as a reference."""
        if id(value) in self.kept:
            self.program.append(pickle.LONG_BINGET + struct.pack("<I", self.kept[id(value)][0]))
        elif isinstance(value, Tensor) or is_array(value):
            self.put_tensor(value)
        elif isinstance(value, Mapping | list | tuple):
            self.put_container(value)
        else:
            self.program.append(plain(value))

    def keep(self, value: Any) -> None:
        """Store the object on top of the stack in the memo as `value`."""
        self.kept[id(value)] = len(self.kept), value
        self.program.append(pickle.LONG_BINPUT + struct.pack("<I", len(self.kept) - 1))

    def put_container(self, value: Mapping[Any, Any] | list[Any] | tuple[Any, ...]) -> None:
        if isinstance(value, tuple):
            self.program.append(pickle.MARK)
            for item in value:
                self.put(item)
            self.program.append(pickle.TUPLE)
            self.keep(value)
            return
        empty = pickle.EMPTY_LIST if isinstance(value, list) else pickle.EMPTY_DICT
        self.program.append(ORDERED_DICT if isinstance(value, OrderedDict) else empty)
        self.keep(value)
        self.program.append(pickle.MARK)
        for item in value:
            if isinstance(value, list):
                self.put(item)
            else:
                if not isinstance(item, str | int | float | None):
                    raise TypeError(f"save: the key {item!r} must be text, a number or None")
                self.program.append(plain(item))
                self.put(value[item])
        self.program.append(pickle.APPENDS if isinstance(value, list) else pickle.SETITEMS)

    def put_tensor(self, value: Any) -> None:
        """Push a tensor as a call, a Parameter as a further call with the tensor."""
        parameter = isinstance(value, Parameter)
        if parameter:
            self.program += [name_of("torch._utils._rebuild_parameter"), pickle.MARK]
        number, offset, strides = self.place_of(self.arrays[id(value)])
        row, shape = self.rows[number], self.arrays[id(value)].shape
        requires_grad = isinstance(value, Tensor) and value.requires_grad
        storage = storage_of(row.dtype)
        of_bytes = storage == UNTYPED
        self.program += [
            *(name_of(f"torch._utils._rebuild_tensor_v{3 if of_bytes else 2}"), pickle.MARK),
            *(pickle.MARK, plain("storage"), name_of(storage)),
            *map(plain, (str(number), "cpu", row.nbytes if of_bytes else row.size)),
            *(pickle.TUPLE, pickle.BINPERSID, plain(offset), plain(shape), plain(strides)),
            *(plain(requires_grad and not parameter), ORDERED_DICT),
            *([name_of(f"torch.{row.dtype.name}")] if of_bytes else []),
            *(pickle.TUPLE, pickle.REDUCE),
        ]
        if parameter:
            self.program += [plain(requires_grad), ORDERED_DICT, pickle.TUPLE, pickle.REDUCE]
        self.keep(value)

    def place_of(self, array: np.ndarray) -> tuple[int, int, tuple[int, ...]]:
        """The number of its storage, and its offset and strides there, in elements.

        Memory that several tensors share is one storage; that of a single one is copied in C order.
        """
        root, size = root_of(array), array.itemsize
        regular = all(step >= 0 and step % size == 0 for step in array.strides)
        shared = self.uses[id(root)] > 1 and root.flags.c_contiguous and root.dtype == array.dtype
        if not (shared and regular):
            root = array = np.ascontiguousarray(array).reshape(array.shape)
        if id(root) not in self.storages:
            self.storages[id(root)] = len(self.rows)
            self.rows.append(root.reshape(-1))
            self.roots.append(root)
        offset = array.ctypes.data - root.ctypes.data if array.size else 0
        strides = tuple(step // size for step in array.strides)
        return self.storages[id(root)], offset // size, strides


def storage_of(dtype: np.dtype) -> str:
    """The type of storage of a dtype."""
    if is_bfloat16(dtype):
        return "torch.BFloat16Storage"
    return TYPES[dtype.newbyteorder("=")]


def tensors_in(obj: Any) -> Iterator[Any]:
    """The distinct Tensors and arrays in nested containers."""
    seen, waiting = set(), [obj]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        if isinstance(value, Tensor) or is_array(value):
            seen.add(id(value))
            yield value
        elif isinstance(value, Mapping | list | tuple):
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, Mapping) else value)


def root_of(array: np.ndarray) -> np.ndarray:
    """The array that owns the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def plain(value: Any) -> bytes:
    """The opcodes that push a number, text, None, or a tuple of them.

    Raises: TypeError for anything else.
    """
    if isinstance(value, np.bool_ | np.integer | np.floating):
        value = value.item()
    match value:
        case None | True | False:
            return {None: pickle.NONE, True: pickle.NEWTRUE, False: pickle.NEWFALSE}[value]
        case int() if -(2**31) <= value < 2**31:
            return pickle.BININT + struct.pack("<i", value)
        case int():
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            if len(data) > 255:
                raise ValueError(f"save: an integer of {value.bit_length()} bits is too long")
            return pickle.LONG1 + bytes([len(data)]) + data
        case float():
            return pickle.BINFLOAT + struct.pack(">d", value)
        case str():
            data = value.encode()
            return pickle.BINUNICODE + struct.pack("<I", len(data)) + data
        case tuple():
            return b"".join([pickle.MARK, *map(plain, value), pickle.TUPLE])
        case Module():
            raise TypeError(f"save: of a {type(value).__name__} save its state_dict()")
    raise TypeError(
        f"save: obj holds a {type(value).__name__}; it may hold Tensors, arrays, numbers, text, "
        "None, and dicts, lists and tuples of them"
    )


def name_of(function: str) -> bytes:
    """The opcode that pushes "module.name"."""
    module, _, name = function.rpartition(".")
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


ORDERED_DICT = name_of("collections.OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE
