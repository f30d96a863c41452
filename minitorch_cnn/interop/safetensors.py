"""Tensors by name in a safetensors file: a header in JSON, then the bytes; nothing that runs.

The format (https://huggingface.co/docs/safetensors): the length of the header in 8 bytes, the
header, the numbers of one tensor after the other, without gaps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from math import prod
from typing import BinaryIO, NamedTuple

import numpy as np

from ..backend import check_dtype
from ..devices import is_array, to_host
from ..tensor.tensor import Tensor

# The dtypes of a file, and those that it may have and `mt` has not.
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # the upper half of a float32, which it becomes
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}
CODES = {np.dtype(name): code for code, name in DTYPES.items() if code != "BF16"}
KINDS = {"C64": "complex numbers"} | dict.fromkeys(("U16", "U32", "U64"), "unsigned integers")
METADATA = "__metadata__"  # the name in the header that is of no tensor
MOST_AXES = 64  # NumPy's limit
LONGEST = 10**8  # bytes of a header, as in the format's own library


class Loaded(NamedTuple):
    """What a file holds: tensors by name, and text by name."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def safetensors_bytes(state: Mapping, metadata: Mapping[str, str] | None = None) -> bytes:
    """The content of the file of `state`, Tensors or arrays by name, and of text by name.

    It has one order: metadata by name, tensors by size of their numbers and name.

    Raises: as `save`.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"save: state must be a dict, got {type(state).__name__}")
    arrays = {name: array_of(name, value) for name, value in state.items()}
    for name, text in (metadata or {}).items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"save: metadata {name!r} must be text under a text name")
    for name in arrays:
        if not isinstance(name, str) or name == METADATA:
            raise TypeError(f"save: name {name!r} must be a str, and not {METADATA!r}")
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    header = {METADATA: dict(sorted(metadata.items()))} if metadata else {}
    end = 0
    for name in names:
        array, begin = arrays[name], end
        end += array.nbytes
        header[name] = {
            "dtype": CODES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of 8
    numbers = [arrays[name].tobytes() for name in names]
    return b"".join([len(text).to_bytes(8, "little"), text, *numbers])


def array_of(name, value) -> np.ndarray:
    """The numbers of a Tensor or array in main memory, little-endian.

    Raises: TypeError for anything else, and for dtypes that `mt` does not have.
    """
    array = value.data if isinstance(value, Tensor) else value
    if is_array(array):
        array = to_host(array)
    elif not isinstance(array, np.generic):
        raise TypeError(f"save: {name!r} must be a Tensor or an array, got {type(value).__name__}")
    native = check_dtype(array.dtype.newbyteorder("="), "save")
    return np.asarray(array, native.newbyteorder("<"))


def read_safetensors(file: BinaryIO) -> Loaded:
    """The tensors of a safetensors file by name, and the text in its header.

    Raises: ValueError, with the reason as a clause, if the file is damaged or truncated, or of
    numbers that are not supported.
    """
    header, left = _read_header(file)
    metadata = _take_metadata(header)
    for name, entry in header.items():
        _check_entry(name, entry)
    entries = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    end = 0
    for name, entry in entries:
        (begin, stop), size = entry["data_offsets"], np.dtype(DTYPES[entry["dtype"]]).itemsize
        if begin != end or stop - begin != prod(entry["shape"]) * size:
            raise ValueError(f"{NOT_WHOLE}: {name!r} is not where or as long as it should be")
        end = stop
    if end != left:
        raise ValueError(f"{NOT_WHOLE}: {left} bytes follow its header, which tells of {end}")
    found = {name: Tensor(_read_array(file, name, entry)) for name, entry in entries}
    return Loaded({name: found[name] for name in header}, metadata)


def read_metadata(file: BinaryIO) -> dict[str, str]:
    """The text in the header of a safetensors file by name.

    Raises: ValueError, with the reason as a clause, if the header is damaged.
    """
    return _take_metadata(_read_header(file)[0])


NOT_WHOLE = "it is not a whole safetensors file"


def _read_header(file: BinaryIO) -> tuple[dict, int]:
    """What the header says, and how many bytes follow it; `file` is left there."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > min(size - 8, LONGEST):
        raise ValueError(f"{NOT_WHOLE}: {size} bytes cannot have a header of {length}")
    try:
        header = json.loads(file.read(length), object_pairs_hook=_dict_of)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{NOT_WHOLE}: its header is not the JSON it should be ({error})"
        ) from error
    if not isinstance(header, dict):
        raise ValueError(f"{NOT_WHOLE}: its header is no dict")
    return header, size - 8 - length


def _dict_of(pairs: list[tuple]) -> dict:
    """A dict in JSON; names that occur twice would hide a tensor."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _take_metadata(header: dict) -> dict[str, str]:
    metadata = header.pop(METADATA, None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError(f"{NOT_WHOLE}: its metadata is not text by name")
    return metadata


def _check_entry(name: str, entry) -> None:
    """Refuse numbers and shapes that are not supported, and what describes no tensor."""
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [begin, end]}:
            if dtype not in DTYPES:
                what = "float8" if dtype.startswith("F8") else KINDS.get(dtype, "unknown numbers")
                raise ValueError(f"its tensor {name!r} is of {dtype} ({what}), not supported")
            if len(shape) > MOST_AXES:
                raise ValueError(
                    f"its tensor {name!r} has {len(shape)} axes; at most {MOST_AXES} are supported"
                )
            if all(type(n) is int and 0 <= n < 2**63 for n in (*shape, begin, end)):
                return
    raise ValueError(f"{NOT_WHOLE}: {name!r} has no dtype, shape and place")


def _read_array(file: BinaryIO, name: str, entry: dict) -> np.ndarray:
    """The numbers at the present position of the file."""
    array = np.empty(entry["shape"], DTYPES[entry["dtype"]])
    if array.size and file.readinto(array.reshape(-1).view(np.uint8)) != array.nbytes:
        raise ValueError(f"{NOT_WHOLE}: it ends within {name!r}")
    if entry["dtype"] == "BOOL" and (array.view(np.uint8) > 1).any():
        raise ValueError(f"its tensor {name!r} of bool has bytes that are neither 0 nor 1")
    if entry["dtype"] == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
