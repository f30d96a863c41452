"""Tensors by name in a safetensors file: a header in JSON, then the bytes; nothing that runs.

The format (https://huggingface.co/docs/safetensors): the length of the header in 8 bytes, the
header, the numbers of one tensor after the other. The library reads; it is imported on first use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..backend import check_dtype
from ..devices import is_array, to_host
from ..tensor.tensor import Tensor
from .atomic import write_atomically

# The names of dtypes in a file, and of those that it may have and `mt` has not.
CODES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
KINDS = {
    "C64": "complex numbers",
    "U16": "unsigned integers",
    "U32": "unsigned integers",
    "U64": "unsigned integers",
}
MOST_AXES = 64  # NumPy's limit


class Loaded(NamedTuple):
    """What a file holds: tensors by name, and text by name."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def save(
    state: Mapping[str, Tensor | np.ndarray],
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write Tensors or arrays by name, such as a state_dict, into a safetensors file.

    Any layout and every dtype of `mt` is stored exactly, float16 included. `metadata`: text by
    name, kept in the header. The same state and metadata give the same bytes. The file appears
    whole or not at all: see `write_atomically`.

    Raises: TypeError for names that are not str, values that are no tensors, other dtypes or
    metadata that is not text; OSError if the file cannot be written.

        mt.save(model.state_dict(), "lenet5.safetensors")
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"save: state must be a dict, got {type(state).__name__}")
    arrays = {name: _array(name, value) for name, value in state.items()}
    for name, text in (metadata or {}).items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"save: metadata {name!r} must be text under a text name")
    write_atomically(path, _to_bytes(arrays, dict(metadata or {})))


def _to_bytes(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """The content of the file, in one order: metadata by name, tensors by size of number and name.

    The library has the metadata in an order that differs from one process to the next.
    """
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    header = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    end = 0
    for name in names:
        array, begin = arrays[name], end
        end += array.nbytes
        code = CODES[array.dtype.name]
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of 8
    little = (
        arrays[name].astype(arrays[name].dtype.newbyteorder("<"), copy=False) for name in names
    )
    return b"".join([len(text).to_bytes(8, "little"), text, *(a.tobytes() for a in little)])


def read_safetensors(path: Path) -> Loaded:
    """The tensors of a safetensors file by name, and the text in its header.

    Raises: ValueError, with the reason as a clause, if the file is damaged or truncated, or of
    numbers that are not supported.
    """
    from safetensors import SafetensorError, safe_open

    header, start = _read_header(path)
    header.pop("__metadata__", None)
    for name, entry in header.items():
        _check_entry(name, entry)
    try:
        # The library checks that the tensors fill the file without gaps or overlaps.
        with safe_open(path, framework="numpy") as file:
            tensors = {
                name: Tensor(
                    _read_bfloat16(path, start, header[name])
                    if header[name]["dtype"] == "BF16"
                    else file.get_tensor(name)
                )
                for name in file.keys()  # noqa: SIM118
            }
            return Loaded(tensors, dict(file.metadata() or {}))
    except (SafetensorError, TypeError) as error:
        raise ValueError(f"it is not a whole safetensors file ({error})") from error


def _read_header(path: Path) -> tuple[dict, int]:
    """What the header says of each tensor, and where the numbers begin."""
    with open(path, "rb") as file:
        length, size = int.from_bytes(file.read(8), "little"), path.stat().st_size
        if length > size - 8:
            raise ValueError(
                f"it is not a whole safetensors file: its header has {length} bytes, of which "
                f"{max(size - 8, 0)} are there"
            )
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"it is not a whole safetensors file: its header is no JSON ({error})"
            ) from error
    if not isinstance(header, dict):
        raise ValueError("it is not a whole safetensors file: its header is no dict")
    return header, 8 + length


def read_metadata(path: Path) -> dict[str, str]:
    """The text in the header of a safetensors file by name.

    Raises: ValueError, with the reason as a clause, if the header is damaged.
    """
    metadata = _read_header(path)[0].get("__metadata__", {})
    texts = isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())
    if not texts:
        raise ValueError("it is not a whole safetensors file: its metadata is no text by name")
    return metadata


def _check_entry(name: str, entry) -> None:
    """Refuse what the library has no words for: numbers and shapes that are not supported."""
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(), int()]}:
            if dtype not in (*CODES.values(), "BF16"):
                what = "float8" if dtype.startswith("F8") else KINDS.get(dtype, "unknown numbers")
                raise ValueError(f"its tensor {name!r} is of {dtype} ({what}), not supported")
            if len(shape) > MOST_AXES:
                raise ValueError(
                    f"its tensor {name!r} has {len(shape)} axes; at most {MOST_AXES} are supported"
                )
        case _:
            raise ValueError(
                f"it is not a whole safetensors file: {name!r} has no dtype, shape and place"
            )


def _read_bfloat16(path: Path, start: int, entry: dict) -> np.ndarray:
    """The same numbers in float32, of which a bfloat16 is the upper half."""
    begin, end = entry["data_offsets"]
    half = np.fromfile(path, "<u2", (end - begin) // 2, offset=start + begin)
    return (half.astype(np.uint32) << 16).view(np.float32).reshape(entry["shape"])


def _array(name: str, value) -> np.ndarray:
    """The array of a Tensor or array, in C order: the library writes the memory as it lies."""
    array = value.data if isinstance(value, Tensor) else value
    if not isinstance(name, str):
        raise TypeError(f"save: name {name!r} must be a str")
    if is_array(array):
        array = to_host(array)
    elif not isinstance(array, np.generic):
        raise TypeError(f"save: {name!r} must be a Tensor or an array, got {type(value).__name__}")
    native = array.dtype.newbyteorder("=")
    return np.asarray(array, dtype=check_dtype(native, "save"), order="C")
