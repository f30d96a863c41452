"""A machine for pickles that builds plain data and calls nothing.

A pickle is a program for a machine with a stack and a memory of objects. Python's machine calls any
function that the program names. This one knows only the opcodes for numbers, text, lists, tuples
and dicts. If the program names a global, calls it, sets a state, or refers to data elsewhere, a
subclass decides the result; this class refuses all four. A name is on the stack as a `Global`,
which is text: nothing on the stack can be called.

The opcodes are those of protocols 2 to 5 that such data need (Python's pickletools describes them).
Time and memory are proportional to the length of the program.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

HIGHEST_PROTOCOL = 5


@dataclass(frozen=True)
class Global:
    """An allowed name that the program asked for, as "module.name"."""

    name: str


class PickleMachine:
    """Reads one pickle after another from `file`, a seekable binary file.

    `opcodes` are those it knows; a subclass may know more.

    Raises: ValueError from every method, with the reason as a clause.
    """

    opcodes: dict[bytes, Callable[[Any], object]]

    def __init__(self, file: BinaryIO):
        self.file = file
        here = file.tell()
        self.end = file.seek(0, os.SEEK_END)
        file.seek(here)

    def load(self) -> Any:
        """The object of the pickle at the current position of the file."""
        self.stack, self.marks, self.memo = [], [], {}
        while (code := self.read(1)) != pickle.STOP:
            if code not in self.opcodes:
                raise ValueError(
                    f"byte {self.file.tell() - 1} is {code!r}, not an opcode for plain data"
                )
            self.opcodes[code](self)
        return self.pop()

    # --------------------------------------------------------------- what a subclass may allow

    def find(self, name: str) -> Global:
        """The value of "module.name"."""
        raise ValueError(f"it asks for {name}, which is not allowed; nothing was executed")

    def call(self, name: str, arguments: tuple) -> Any:
        """The result of calling an allowed name."""
        raise ValueError(f"it calls {name}, which is not a function; nothing was executed")

    def build(self, instance: Any, state: Any) -> None:
        """The object after the program sets its state."""
        raise ValueError(f"it sets the state of a {type(instance).__name__}")

    def persistent(self, reference: Any) -> Any:
        """The value of a reference to data outside the pickle."""
        raise ValueError("it refers to data outside the pickle")

    # -------------------------------------------------------------------------- bytes and stack

    def read(self, count: int) -> bytes:
        # Compare a large count with the rest of the file, so that a false one cannot fill memory.
        if count > 4096 and count > self.end - self.file.tell():
            raise ValueError(f"it is truncated: it needs {count} bytes beyond its end")
        data = self.file.read(count)
        if len(data) < count:
            raise ValueError("it is truncated in the middle of a pickle")
        return data

    def read_count(self, size: int) -> int:
        return int.from_bytes(self.read(size), "little")

    def read_line(self) -> str:
        line = self.file.readline(1000)
        if not line.endswith(b"\n"):
            raise ValueError("it has a line that does not end")
        return line[:-1].decode("utf-8")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def top(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ValueError("its pickle takes more from the stack than it has")
        return self.stack[-1]

    def pop(self) -> Any:
        value = self.top()
        del self.stack[-1]
        return value

    def pop_to_mark(self) -> list:
        if not self.marks:
            raise ValueError("its pickle lacks a mark")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    # --------------------------------------------------------------------------------- opcodes

    def protocol(self) -> None:
        if self.read_count(1) > HIGHEST_PROTOCOL:
            raise ValueError(f"its pickle has a protocol above {HIGHEST_PROTOCOL}")

    def number(self, form: str) -> None:
        self.push(struct.unpack(form, self.read(struct.calcsize(form)))[0])

    def long(self) -> None:
        self.push(int.from_bytes(self.read(self.read_count(1)), "little", signed=True))

    def text(self, size: int) -> None:
        self.push(self.read(self.read_count(size)).decode("utf-8"))

    def pack(self, count: int) -> None:
        self.push(tuple([self.pop() for _ in range(count)][::-1]))

    def extend(self, items: list) -> None:
        if type(self.top()) is not list:
            raise ValueError(f"its pickle appends to a {type(self.top()).__name__}")
        self.top().extend(items)

    def update(self, items: list) -> None:
        if not isinstance(self.top(), dict) or len(items) % 2:
            raise ValueError("its pickle sets items of no dict, or not in pairs")
        insert(self.top(), zip(items[::2], items[1::2], strict=True))

    def put(self, index: int) -> None:
        self.memo[index] = self.top()

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise ValueError("its pickle refers to an object that it has not created")
        self.push(self.memo[index])

    def find_on_stack(self) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise ValueError("its pickle has a global whose name is not text")
        self.push(self.find(f"{module}.{name}"))

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Global) or type(arguments) is not tuple:
            raise ValueError(f"it calls a {type(function).__name__}; nothing was executed")
        self.push(self.call(function.name, arguments))

    def set_state(self) -> None:
        state = self.pop()
        self.build(self.top(), state)


def insert(target: dict[Any, Any], pairs: Any) -> None:
    """Add `pairs` to `target`; keys must be text, numbers or None, whose hashes are cheap."""
    for key, value in pairs:
        if not isinstance(key, str | bytes | int | float | None):
            raise ValueError(f"it has a dict with a {type(key).__name__} as a key")
        if type(key) is int and abs(key) >= sys.hash_info.modulus:  # such keys can collide
            raise ValueError(f"it has a dict with an integer of {key.bit_length()} bits as a key")
        target[key] = value


# fmt: off
OPCODES: dict[bytes, Callable[[Any], object]] = {
    pickle.PROTO: PickleMachine.protocol,
    pickle.FRAME: lambda m: m.read(8),  # the size of a frame, which is not needed
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),
    pickle.NEWFALSE: lambda m: m.push(False),
    pickle.BININT: lambda m: m.number("<i"),
    pickle.BININT1: lambda m: m.number("<B"),
    pickle.BININT2: lambda m: m.number("<H"),
    pickle.BINFLOAT: lambda m: m.number(">d"),
    pickle.LONG1: PickleMachine.long,
    pickle.SHORT_BINSTRING: lambda m: m.text(1),  # Python 2's text
    pickle.BINSTRING: lambda m: m.text(4),
    pickle.SHORT_BINUNICODE: lambda m: m.text(1),
    pickle.BINUNICODE: lambda m: m.text(4),
    pickle.BINUNICODE8: lambda m: m.text(8),
    pickle.EMPTY_TUPLE: lambda m: m.push(()),
    pickle.EMPTY_LIST: lambda m: m.push([]),
    pickle.EMPTY_DICT: lambda m: m.push({}),
    pickle.MARK: lambda m: m.marks.append(len(m.stack)),
    pickle.POP: PickleMachine.pop,
    pickle.POP_MARK: PickleMachine.pop_to_mark,
    pickle.TUPLE: lambda m: m.push(tuple(m.pop_to_mark())),
    pickle.TUPLE1: lambda m: m.pack(1),
    pickle.TUPLE2: lambda m: m.pack(2),
    pickle.TUPLE3: lambda m: m.pack(3),
    pickle.APPEND: lambda m: m.extend([m.pop()]),
    pickle.APPENDS: lambda m: m.extend(m.pop_to_mark()),
    pickle.SETITEM: lambda m: m.update([m.pop(), m.pop()][::-1]),
    pickle.SETITEMS: lambda m: m.update(m.pop_to_mark()),
    pickle.BINPUT: lambda m: m.put(m.read_count(1)),
    pickle.LONG_BINPUT: lambda m: m.put(m.read_count(4)),
    pickle.MEMOIZE: lambda m: m.put(len(m.memo)),
    pickle.BINGET: lambda m: m.get(m.read_count(1)),
    pickle.LONG_BINGET: lambda m: m.get(m.read_count(4)),
    pickle.GLOBAL: lambda m: m.push(m.find(f"{m.read_line()}.{m.read_line()}")),
    pickle.STACK_GLOBAL: PickleMachine.find_on_stack,
    pickle.REDUCE: PickleMachine.reduce,
    pickle.NEWOBJ: PickleMachine.reduce,
    pickle.BUILD: PickleMachine.set_state,
    pickle.BINPERSID: lambda m: m.push(m.persistent(m.pop())),
}
# fmt: on
PickleMachine.opcodes = OPCODES
