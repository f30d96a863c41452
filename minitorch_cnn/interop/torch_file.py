"""Weights in PyTorch's .pth files, read without PyTorch and without running what they ask for.

Since 1.6 `torch.save` writes a zip archive: FOLDER/data.pkl, a pickle that refers to storages by
key, and FOLDER/data/KEY, the bytes of each. Before, it wrote five pickles in a row (a magic number,
a version, facts about the machine, the object, the keys of its storages) and then, for each key,
the number of its elements in 8 bytes and the elements. In both a pickle is a program: see
`data.pickle_machine` for why this one can do nothing else, and `torch_objects` for what it may
name.
"""

from __future__ import annotations

import errno
import io
import os
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..data.pickle_machine import PickleMachine
from .torch_objects import Storage, TorchMachine, stored_size

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
ENCRYPTED = 1  # bit 0 of a zip member's flags


def load_torch(path: str | Path):
    """What a file of `torch.save` holds, in the same nesting, as by `torch.load`.

    Read are tensors and parameters in dicts, OrderedDicts, lists and tuples, beside numbers, text
    and None. Dtypes stay what they are, except that bfloat16 becomes float32, without a loss.
    Tensors that share memory in the file share it here. Devices, hooks and the `_metadata` of a
    state_dict are dropped.

    Raises: FileNotFoundError; ValueError naming the file and the reason, with nothing executed, if
    it asks for anything else (of sparse, quantised and complex tensors the kind is named), is
    truncated or damaged, or is no such file.

        model.load_state_dict(mt.interop.load_torch("alexnet.pth"))
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"load_torch: there is no file {path}")
    try:
        with open(path, "rb") as file:
            zipped = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            return _read_zip(file) if zipped else _read_stacked(file)
    except ValueError as error:
        raise ValueError(f"load_torch: {path} is refused: {error}") from error


# ------------------------------------------------------------------------------- the zip archive


def _read_zip(file: BinaryIO):
    with _damage_as_value_error(), zipfile.ZipFile(file) as archive:
        members = _members(archive, os.fstat(file.fileno()).st_size)
        if "byteorder" in members and archive.read(members["byteorder"]) != b"little":
            raise ValueError("its byteorder is not 'little', as expected")

        def make_storage(key: str, name: str, count: int) -> Storage:
            member = members.get(f"data/{key}")
            expected = count * stored_size(name)
            if member is None or member.file_size != expected:
                found = "is missing" if member is None else f"has {member.file_size} bytes"
                raise ValueError(f"storage {key!r} {found}; expected {count} numbers of {name}")
            storage = Storage(name, count)
            with archive.open(member) as content:
                storage.read_from(content)
            return storage

        return TorchMachine(io.BytesIO(archive.read(members["data.pkl"])), make_storage).load()


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The members of the archive, a file of `size` bytes, by their names in its one folder."""
    members = {}
    for info in archive.infolist():
        folder, _, name = info.orig_filename.partition("/")
        odd = {"", ".", ".."} & {folder, *name.split("/")} or set("\\\0") & {*info.orig_filename}
        if odd or name in members:
            raise ValueError(f"its member {info.orig_filename!r} has no place or occurs twice")
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & ENCRYPTED:
            raise ValueError(f"its member {info.orig_filename!r} is compressed or encrypted")
        if info.file_size != info.compress_size or not 0 <= info.header_offset < size:
            raise ValueError(f"its member {info.orig_filename!r} is not as long or where it says")
        members[name] = info
    if len({info.orig_filename.partition("/")[0] for info in members.values()}) > 1:
        raise ValueError("its members are in several folders; expected one")
    # Members that lie on one another unpack to more than the file has.
    if sum(info.file_size for info in members.values()) > size:
        raise ValueError(f"its members claim more than the {size} bytes of the file")
    if "data.pkl" not in members or "constants.pkl" in members:
        raise ValueError(
            "its members are not those of torch.save, which writes data.pkl and no constants.pkl "
            "(TorchScript does)"
        )
    return members


@contextmanager
def _damage_as_value_error() -> Iterator[None]:
    """What zipfile raises on a damaged archive depends on where the damage is."""
    try:
        yield
    except (zipfile.BadZipFile, RuntimeError, EOFError, OverflowError, struct.error) as error:
        raise ValueError(f"its zip archive is damaged or truncated ({error})") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # to seek before the beginning
            raise
        raise ValueError("its zip archive is damaged or truncated") from error


# --------------------------------------------------------------------------- the stacked pickles


def _read_stacked(file: BinaryIO):
    plain = PickleMachine(file)
    _read_header(plain)
    claimed = 0

    def make_storage(key: str, name: str, count: int) -> Storage:
        nonlocal claimed
        claimed += count * stored_size(name)
        if claimed > plain.end:
            raise ValueError(f"its storages claim more than the {plain.end} bytes of the file")
        return Storage(name, count)

    machine = TorchMachine(file, make_storage)
    value = machine.load()
    keys = plain.load()
    if type(keys) is not list or not all(isinstance(key, str) for key in keys):
        raise ValueError("its list of storages is no list of keys")
    if sorted(keys) != sorted(machine.storages):
        raise ValueError("its list of storages is not that of its tensors")
    for key in keys:
        storage = machine.storages[key]
        count = plain.read_count(8)
        if count != storage.count:
            raise ValueError(f"storage {key!r} has {count} numbers, expected {storage.count}")
        storage.read_from(file)
    left = plain.end - file.tell()
    if left:
        raise ValueError(f"{left} bytes follow its last storage; expected its end")
    return value


def _read_header(plain: PickleMachine) -> None:
    """The first three pickles: refused unless they are what every such file begins with."""
    try:
        magic = plain.load()
    except ValueError as error:
        raise ValueError(
            "expected a zip archive (PyTorch since 1.6) or a pickle of PyTorch's magic number, but "
            f"{error}"
        ) from error
    if magic != MAGIC:
        raise ValueError("it begins with a pickle that is not PyTorch's magic number")
    if plain.load() != VERSION:
        raise ValueError(f"the version of its format is not {VERSION}, as expected")
    machine = plain.load()
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ValueError("it was not written as little-endian, as expected")
