"""Read pickles of NumPy arrays without running anything that a pickle may ask for.

The files of CIFAR are pickles of a dict, written by Python 2; many copies were written anew by
Python 3. The few functions by which a pickle has an array made are carried out here on arrays of
our own, each of which looks into bytes of the file: no method of NumPy's is called by the pickle.
"""

from __future__ import annotations

import codecs
import pickle
import re
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..pickle_machine import OPCODES, Global, PickleMachine

# Integers, floats, bool and text of a fixed length, as NumPy writes their types.
DTYPE = re.compile(r"[biuf][1248]|[SU][1-9]\d{0,3}")
MOST_AXES = 32
MOST_OBJECTS = 4_000_000  # CIFAR-100 written anew has two million; a byte can make 100 in memory
LARGEST_PLACE = 2**32  # in the memory of objects; greater ones could be made to share a hash


class _Dtype:
    """A dtype on its way: `dtype` is set when the pickle has stated the order of its bytes."""

    def __init__(self, code: str):
        self.dtype = np.dtype(code)


class _Array:
    """An array on its way: `array` is None until the pickle has stated its values."""

    def __init__(self, array: np.ndarray | None = None):
        self.array = array


class ArrayMachine(PickleMachine):
    """Reads a pickle of arrays, plain containers, numbers and text of any protocol.

    Text of Python 2 stays bytes, as which it also wrote the values of arrays.
    """

    def __init__(self, file: BinaryIO):
        super().__init__(file)
        self.copied = self.made = 0

    def push(self, value: Any) -> None:
        self.count_one()
        super().push(value)

    def put(self, index: int) -> None:
        self.count_one()
        super().put(index)

    def count_one(self) -> None:
        self.made += 1
        if self.made > MOST_OBJECTS:
            raise ValueError(f"it makes more than {MOST_OBJECTS} objects")

    def find(self, name: str) -> Global:
        if name not in ADMITTED and name != "numpy.ndarray":
            raise ValueError(
                f"it asks for {name}; only NumPy arrays and Python's numbers, text, lists and "
                "dicts are admitted, and nothing was executed"
            )
        return Global(name)

    def call(self, name: str, arguments: tuple) -> Any:
        if name not in ADMITTED:
            return super().call(name, arguments)
        try:
            return ADMITTED[name](self, *arguments)
        except TypeError as error:
            raise ValueError(f"{name} has arguments that do not fit ({error})") from error

    def build(self, instance: Any, state: Any) -> None:
        match instance, state:
            case _Dtype(), (int(), str() | bytes() as order, None, None, None, *_):
                if order not in ("<", ">", "|", "=", b"<", b">", b"|", b"="):
                    raise ValueError("it has a dtype without an order of its bytes")
                dtype: Any = instance.dtype
                instance.dtype = dtype.newbyteorder(as_text(order))
            case _Array(), (int(), tuple(shape), _Dtype() as kind, fortran, values):
                instance.array = array_of(values, kind, shape, "F" if fortran is True else "C")
            case _:
                super().build(instance, state)

    # ---------------------------------------------------------------- what the pickle may call

    def dtype(self, code: str | bytes, *flags: Any) -> _Dtype:
        text = as_text(code)
        if not DTYPE.fullmatch(text) or text == "f1":
            raise ValueError(f"it has an array of {text[:20]!r}, which is no number and no text")
        return _Dtype(text)

    def empty_array(self, kind: Global, shape: tuple, code: Any) -> _Array:
        return _Array()

    def array(self, values: bytes, kind: _Dtype, shape: tuple, order: str) -> _Array:
        return _Array(array_of(values, kind, shape, order))

    def scalar(self, kind: _Dtype, values: bytes) -> Any:
        return array_of(values, kind, (), "C").item()

    def encode(self, text: str, encoding: str) -> bytes:
        """How Python 3 writes bytes in the protocols of Python 2."""
        if type(text) is not str or encoding not in ("latin1", "latin-1"):
            raise ValueError("it encodes what is no text of bytes")
        # Text that is in the file once may be encoded any number of times: not without end.
        self.copied += len(text)
        if self.copied > self.end:
            raise ValueError("its bytes are more than the file has")
        return text.encode("latin-1")

    def empty(self) -> bytes:
        return b""

    def ordered_dict(self) -> dict[str, Any]:
        return {}

    # ------------------------------------------------- opcodes of protocols 0, 1 and of bytes

    def read_whole_line(self) -> bytes:
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise ValueError("it is truncated: it ends in the middle of a line")
        return line[:-1]

    def read_integer(self) -> int:
        return int(self.read_line().removesuffix("L"))

    def integer(self) -> None:
        line = self.read_line()
        self.push({"00": False, "01": True}[line] if line in ("00", "01") else int(line))

    def quoted(self) -> None:
        line = self.read_whole_line().strip()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            raise ValueError("it has text without quotes")
        self.push(codecs.escape_decode(line[1:-1])[0])

    def place(self) -> int:
        place = self.read_integer()
        if not 0 <= place < LARGEST_PLACE:
            raise ValueError("its pickle refers to an object that it has not made")
        return place

    def pack_dict(self) -> None:
        items = self.pop_to_mark()
        self.push({})
        self.update(items)


ADMITTED = {
    "numpy.dtype": ArrayMachine.dtype,
    "numpy.core.multiarray._reconstruct": ArrayMachine.empty_array,  # until NumPy 1
    "numpy._core.multiarray._reconstruct": ArrayMachine.empty_array,  # since NumPy 2
    "numpy.core.multiarray.scalar": ArrayMachine.scalar,
    "numpy._core.multiarray.scalar": ArrayMachine.scalar,
    "numpy.core.numeric._frombuffer": ArrayMachine.array,  # protocol 5
    "numpy._core.numeric._frombuffer": ArrayMachine.array,
    "_codecs.encode": ArrayMachine.encode,
    "__builtin__.bytes": ArrayMachine.empty,
    "builtins.bytes": ArrayMachine.empty,
    "collections.OrderedDict": ArrayMachine.ordered_dict,
}

# fmt: off
ArrayMachine.opcodes = OPCODES | {
    pickle.SHORT_BINSTRING: lambda m: m.push(m.read(m.read_count(1))),
    pickle.BINSTRING: lambda m: m.push(m.read(m.read_count(4))),
    pickle.SHORT_BINBYTES: lambda m: m.push(m.read(m.read_count(1))),
    pickle.BINBYTES: lambda m: m.push(m.read(m.read_count(4))),
    pickle.BINBYTES8: lambda m: m.push(m.read(m.read_count(8))),
    pickle.BYTEARRAY8: lambda m: m.push(m.read(m.read_count(8))),
    pickle.INT: ArrayMachine.integer,
    pickle.LONG: lambda m: m.push(m.read_integer()),
    pickle.FLOAT: lambda m: m.push(float(m.read_line())),
    pickle.STRING: ArrayMachine.quoted,
    pickle.UNICODE: lambda m: m.push(m.read_whole_line().decode("raw-unicode-escape")),
    pickle.DUP: lambda m: m.push(m.top()),
    pickle.LIST: lambda m: m.push(m.pop_to_mark()),
    pickle.DICT: ArrayMachine.pack_dict,
    pickle.PUT: lambda m: m.put(m.place()),
    pickle.GET: lambda m: m.get(m.place()),
}
# fmt: on


def array_of(values: bytes, kind: _Dtype, shape: tuple, order: str) -> np.ndarray:
    """The array of `shape` that looks into the bytes `values`; they must be as many as it has."""
    if type(values) is not bytes or not isinstance(kind, _Dtype):
        raise ValueError("it has an array without bytes or dtype")
    fit = type(shape) is tuple and len(shape) <= MOST_AXES
    if not fit or any(type(n) is not int or not 0 <= n < 2**63 for n in shape):
        raise ValueError(f"it has an array whose shape is no tuple of at most {MOST_AXES} sizes")
    if prod(shape) * kind.dtype.itemsize != len(values):
        raise ValueError(
            f"it has {len(values)} bytes for an array of shape {shape} and {kind.dtype}"
        )
    return np.ndarray(shape, kind.dtype, values, order="F" if order == "F" else "C")


def read_array_pickle(path: str | Path) -> dict[str, Any]:
    """A file holding one pickled dict -> that dict, its keys as str; text of Python 2 stays bytes.

    Arrays are those of integers, floats, bool and text; they cannot be written to.

    Raises ValueError naming the file if it is damaged, holds something else than a dict, or asks
    for anything but NumPy arrays.
    """
    try:
        with open(path, "rb") as file:
            content = ArrayMachine(file).load()
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__}; expected a dict")
        found = {as_text(key): whole(value) for key, value in content.items()}
        refuse_leftovers(found)
    except (ValueError, Warning) as error:  # a warning: of an odd escape in Python 2's text
        raise ValueError(f"read_array_pickle: {path} is refused: {error}") from error
    return found


def whole(value: Any) -> Any:
    """A value of the dict, an array as NumPy's."""
    if not isinstance(value, _Array):
        return value
    if value.array is None:
        raise ValueError("it has an array without values")
    return value.array


def refuse_leftovers(value: Any) -> None:
    """Refuse what holds, further down, an array or what only the machine understands."""
    seen, waiting = set(), [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Global | _Array | _Dtype):
            raise ValueError("it has arrays, or parts of them, elsewhere than in its dict")
        if isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)


def as_text(value: bytes | str) -> str:
    """Text of Python 2 or 3 as str; ValueError for anything else."""
    if not isinstance(value, bytes | str):
        raise ValueError(f"it has a {type(value).__name__} where text is expected")
    return value.decode("utf-8") if isinstance(value, bytes) else value
