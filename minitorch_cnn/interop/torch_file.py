"""Read weights from PyTorch's .pth files without PyTorch and without executing them.

Since 1.6 `torch.save` writes a zip archive: FOLDER/data.pkl, a pickle that refers to storages by
key, and FOLDER/data/KEY, the bytes of each. Earlier versions wrote five consecutive pickles (a
magic number, a version, facts about the machine, the object, the keys of its storages) and then,
for each key, the number of its elements in 8 bytes and the elements. A pickle is a program: see
`data.pickle_machine` for why it can do no harm here, and `torch_objects` for the names it may use.
"""

from __future__ import annotations

import errno
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from ..data.pickle_machine import PickleMachine
from .torch_objects import TorchMachine
from .torch_storages import Storage, stored_size

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
PLAIN = "it is a pickle that does not begin with PyTorch's magic number, as expected"
ENCRYPTED = 1  # bit 0 of a zip member's flags


# ------------------------------------------------------------------------------- the zip archive


def read_zip(file: BinaryIO, archive: zipfile.ZipFile) -> Any:
    """Read the object in the archive `file`.

    Raises: ValueError, with the reason as a clause; the errors `damage_as_value_error` translates.
    """
    refuse_other_archives([info.orig_filename for info in archive.infolist()])
    members = _members(archive, file.seek(0, os.SEEK_END))
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


def refuse_other_archives(names: list[str]) -> None:
    """Refuse other zip archives: programs, Keras models, zipped folders."""
    last = {name.partition("/")[2] for name in names}
    if "constants.pkl" in last or any(name.startswith("code/") for name in last):
        what = "a TorchScript program (torch.jit.save), not weights: save its state_dict()"
    elif any(name.endswith("exported_program.json") for name in names) or "archive_format" in last:
        what = "a program of torch.export, not weights: save its state_dict()"
    elif "model.weights.h5" in names:
        what = "a Keras model, whose layers have other names"
    elif "data.pkl" not in last:
        what = (
            f"a zip archive, but not of torch.save: it has no data.pkl, but {', '.join(names[:3])}"
        )
    else:
        return
    raise ValueError(f"it is {what}")


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The members of the archive, a file of `size` bytes, by their names in its only folder."""
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
    # Overlapping members would unpack to more than the file's size.
    if sum(info.file_size for info in members.values()) > size:
        raise ValueError(f"its members claim more than the {size} bytes of the file")
    return members


@contextmanager
def damage_as_value_error() -> Iterator[None]:
    """Translate the errors of zipfile, which vary with the place of the damage, to ValueError."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        RuntimeError,
        EOFError,
        OverflowError,
        struct.error,
        zlib.error,
    ) as error:
        raise ValueError(f"its zip archive is damaged or truncated ({error})") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a seek before the beginning
            raise
        raise ValueError("its zip archive is damaged or truncated") from error


# --------------------------------------------------------------------------- the stacked pickles


def read_stacked(file: BinaryIO) -> Any:
    """Read the object from the five pickles in `file` and the storages after them.

    Raises: ValueError, with the reason as a clause.
    """
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
    """Read the first three pickles, and refuse any that such a file does not begin with."""
    try:
        magic = plain.load()
    except ValueError as error:
        raise ValueError(f"{PLAIN}, but {error}") from error
    if magic != MAGIC:
        raise ValueError(f"{PLAIN}, and holds something else")
    if plain.load() != VERSION:
        raise ValueError(f"the version of its format is not {VERSION}, as expected")
    machine = plain.load()
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ValueError("it was not written as little-endian, as expected")
