"""Reading pickles of NumPy arrays without executing anything in them.

CIFAR's files are pickles of a dict, written by Python 2; many copies were written again by
Python 3. We implement the few functions that construct an array in a pickle ourselves, on arrays
that view the bytes of the file. The pickle never calls a method of NumPy.
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

# NumPy's codes for integers, floats, bool and text of a fixed length.
DTYPE = re.compile(r"[biuf][1248]|[SU][1-9]\d{0,3}")
MOST_AXES = 32
MOST_OBJECTS = 4_000_000  # CIFAR-100 in Python 3's form has two million
LARGEST_PLACE = 2**32  # an index of the memo; larger ones could be chosen to collide as hashes


class _Dtype:
    """A dtype under construction: `dtype` is set when the pickle has given the byte order."""

    def __init__(self, code: str):
        self.dtype = np.dtype(code)


class _Array:
    """An array under construction: `array` is None until the pickle has given its values."""

    def __init__(self, array: np.ndarray | None = None):
        self.array = array


class ArrayMachine(PickleMachine):
    """Reads a pickle of arrays, plain containers, numbers and text, of any protocol.

    Strings of Python 2 stay bytes, since Python 2 also stored the values of arrays as strings.
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
            raise ValueError(f"it creates more than {MOST_OBJECTS} objects")

    def find(self, name: str) -> Global:
        if name not in ADMITTED and name != "numpy.ndarray":
            raise ValueError(
                f"it asks for {name}; only NumPy arrays and Python's numbers, text, lists and "
                "dicts are allowed, and nothing was executed"
            )
        return Global(name)

    def call(self, name: str, arguments: tuple) -> Any:
        if name not in ADMITTED:
            return super().call(name, arguments)
        try:
            return ADMITTED[name](self, *arguments)
        except TypeError as error:
            raise ValueError(f"{name} has wrong arguments ({error})") from error

    def build(self, instance: Any, state: Any) -> None:
        match instance, state:
            case _Dtype(), (int(), str() | bytes() as order, None, None, None, *_):
                if order not in ("<", ">", "|", "=", b"<", b">", b"|", b"="):
                    raise ValueError("it has a dtype without a byte order")
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
            raise ValueError(f"it has an array of {text[:20]!r}, which is neither numbers nor text")
        return _Dtype(text)

    def empty_array(self, kind: Global, shape: tuple, code: Any) -> _Array:
        return _Array()

    def array(self, values: bytes, kind: _Dtype, shape: tuple, order: str) -> _Array:
        return _Array(array_of(values, kind, shape, order))

    def scalar(self, kind: _Dtype, values: bytes) -> Any:
        return array_of(values, kind, (), "C").item()

    def encode(self, text: str, encoding: str) -> bytes:
        """Encode text: Python 3's form of bytes in the protocols of Python 2."""
        if type(text) is not str or encoding not in ("latin1", "latin-1"):
            raise ValueError("it encodes something other than text of bytes")
        # A pickle may encode the same text any number of times, so limit the total.
        self.copied += len(text)
        if self.copied > self.end:
            raise ValueError("it encodes more bytes than the file has")
        return text.encode("latin-1")

    def empty(self) -> bytes:
        return b""

    def ordered_dict(self) -> dict[str, Any]:
        return {}

    # ------------------------------------------------- opcodes of protocols 0, 1 and of bytes

    def read_whole_line(self) -> bytes:
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise ValueError("it is truncated in the middle of a line")
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
            raise ValueError("its pickle refers to an object that it has not created")
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
    """An array of `shape` that views the bytes `values`, whose number must match."""
    if type(values) is not bytes or not isinstance(kind, _Dtype):
        raise ValueError("it has an array without bytes or dtype")
    fit = type(shape) is tuple and len(shape) <= MOST_AXES
    if not fit or any(type(n) is not int or not 0 <= n < 2**63 for n in shape):
        raise ValueError(f"it has an array whose shape is not a tuple of at most {MOST_AXES} sizes")
    if prod(shape) * kind.dtype.itemsize != len(values):
        raise ValueError(
            f"it has {len(values)} bytes for an array of shape {shape} and {kind.dtype}"
        )
    return np.ndarray(shape, kind.dtype, values, order="F" if order == "F" else "C")


def read_array_pickle(path: str | Path) -> dict[str, Any]:
    """A file with one pickled dict -> that dict, with keys as str; text of Python 2 stays bytes.

    Arrays may hold integers, floats, bool and text; they are read-only.

    Raises: ValueError, naming the file, if it is damaged, does not hold a dict, or asks for
    anything but NumPy arrays.
    """
    try:
        with open(path, "rb") as file:
            content = ArrayMachine(file).load()
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__}; expected a dict")
        found = {as_text(key): whole(value) for key, value in content.items()}
        refuse_leftovers(found)
    except (ValueError, Warning) as error:  # invalid escapes in Python 2's text give a warning
        raise ValueError(f"read_array_pickle: {path} is refused: {error}") from error
    return found


def whole(value: Any) -> Any:
    """A value of the dict, with arrays as NumPy's."""
    if not isinstance(value, _Array):
        return value
    if value.array is None:
        raise ValueError("it has an array without values")
    return value.array


def refuse_leftovers(value: Any) -> None:
    """Refuse a value with nested arrays or parts of them."""
    seen, waiting = set(), [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Global | _Array | _Dtype):
            raise ValueError("it has arrays, or parts of them, elsewhere than in its dict")
        if isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)


def as_text(value: bytes | str) -> str:
    """Text of Python 2 or 3 as str. Raises: ValueError for other values."""
    if not isinstance(value, bytes | str):
        raise ValueError(f"it has a {type(value).__name__} instead of text")
    return value.decode("utf-8") if isinstance(value, bytes) else value
