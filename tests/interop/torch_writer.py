"""Files as torch.save writes them, made without PyTorch: opcodes by hand, in both formats."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C


@dataclass(frozen=True)
class Name:
    """A global, "module.name"."""

    name: str


@dataclass(frozen=True)
class Call:
    """What a global returns for arguments."""

    name: str
    arguments: tuple = ()


@dataclass(frozen=True)
class State:
    """An object with a state that is set after it was made."""

    instance: Call
    state: object


@dataclass(frozen=True, eq=False)
class Row:
    """A storage: numbers as they lie in the file, under the name of their type."""

    key: str
    kind: str
    numbers: np.ndarray

    def reference(self, stacked: bool):
        id = ("storage", Name(f"torch.{self.kind}"), self.key, "cpu", len(self.numbers))
        return (*id, None) if stacked else id


def tensor(row, size, stride=None, offset=0, requires_grad=False):
    """The call that rebuilds a tensor of `row`; without a stride, one in C order."""
    if stride is None:
        stride = tuple(int(np.prod(size[i + 1 :])) for i in range(len(size)))
    arguments = (row, offset, tuple(size), stride, requires_grad, Call("collections.OrderedDict"))
    return Call("torch._utils._rebuild_tensor_v2", arguments)


def opcodes(value, stacked: bool = False) -> bytes:
    """The opcodes of protocol 2 that put `value` on the stack."""

    def run(values):
        return b"".join(opcodes(v, stacked) for v in values)

    match value:
        case None | True | False:
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        case int():
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(data)]) + data
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return b"(" + run(value) + b"t"
        case list():
            return b"](" + run(value) + b"e"
        case OrderedDict():
            filled = b"(" + run(x for item in value.items() for x in item) + b"u"
            return opcodes(Call("collections.OrderedDict")) + filled
        case dict():
            return b"}(" + run(x for item in value.items() for x in item) + b"u"
        case Name(name):
            module, _, name = name.rpartition(".")
            return f"c{module}\n{name}\n".encode()
        case Call(name, arguments):
            return opcodes(Name(name)) + opcodes(arguments, stacked) + b"R"
        case State(instance, state):
            return opcodes(instance, stacked) + opcodes(state, stacked) + b"b"
        case Row():
            return opcodes(value.reference(stacked)) + b"Q"
    raise TypeError(type(value))


def program(value, stacked: bool = False) -> bytes:
    return b"\x80\x02" + opcodes(value, stacked) + b"."


def rows(value) -> dict[str, Row]:
    """The storages in `value` by key."""
    match value:
        case Row():
            return {value.key: value}
        case Call():
            return rows(value.arguments)
        case State():
            return rows(value.instance)
        case dict():
            return rows(list(value.values()))
        case list() | tuple():
            return {key: row for item in value for key, row in rows(item).items()}
    return {}


def zip_members(value) -> dict[str, bytes]:
    """The members of an archive of `value`; of bytes: a pickle as it is."""
    pickled = value if isinstance(value, bytes) else program(value)
    members = {"a/data.pkl": pickled, "a/byteorder": b"little"}
    members |= {f"a/data/{key}": row.numbers.tobytes() for key, row in rows(value).items()}
    return members | {"a/version": b"3\n"}


def zip_bytes(members, compression=zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def stacked_parts(value) -> list[bytes]:
    """The five pickles and the storages of the older format; of bytes: a pickle as it is."""
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"long": 4}}
    pickled = value if isinstance(value, bytes) else program(value, stacked=True)
    found = rows(value)
    head = [pickle.dumps(x, 2) for x in (MAGIC, 1001, machine)]
    numbers = [struct.pack("<q", len(r.numbers)) + r.numbers.tobytes() for r in found.values()]
    return [*head, pickled, pickle.dumps(list(found), 2), *numbers]


def write_zip(path: Path, value) -> None:
    path.write_bytes(zip_bytes(zip_members(value)))


def write_stacked(path: Path, value) -> None:
    path.write_bytes(b"".join(stacked_parts(value)))
