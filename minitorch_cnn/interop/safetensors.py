"""Tensors by name in a safetensors file: a JSON header, then the bytes; no executable content.

The format: https://huggingface.co/docs/safetensors. The library, imported on first use, reads,
checks and writes it. This module adds what the library leaves open: the dtypes of `mt`, duplicate
names, and a fixed order of the text in the header.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..devices import is_array, to_host
from ..dtypes import check_dtype, is_bfloat16, of_bits
from ..tensor.tensor import Tensor

# The dtypes of a file, and those that a file may have but `mt` does not.
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # its bits
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "U16": "<u2",
    "U32": "<u4",
    "U64": "<u8",
    "BOOL": "?",
}
KINDS = {"C64": "complex numbers"}
METADATA = "__metadata__"  # the header entry that is not a tensor
MOST_AXES = 64  # NumPy's limit


class Loaded(NamedTuple):
    """The content of a file: tensors by name, and text by name."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def safetensors_bytes(state: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> bytes:
    """Encode `state`, Tensors or arrays by name, and text by name, as the content of a file.

    The order is fixed: metadata by name, tensors by dtype and name.

    Raises: as `save`; ValueError for more text than a header may have.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save

    if not isinstance(state, Mapping):
        raise TypeError(f"save: state must be a dict, got {type(state).__name__}")
    # In C order, because the library writes the memory as it is.
    arrays = {name: np.asarray(array_of(name, a), order="C") for name, a in state.items()}
    metadata = dict(metadata or {})
    for name, text in metadata.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"save: metadata {name!r} must be text under a text name")
    for name in arrays:
        if not isinstance(name, str) or name == METADATA:
            raise TypeError(f"save: name {name!r} must be a str, and not {METADATA!r}")
    try:
        content = save(arrays, metadata or None)
    except (SafetensorError, UnicodeEncodeError) as error:  # a name or text of half a character
        raise ValueError(f"save: state or metadata cannot be stored ({_short(error)})") from error
    return _in_order(content) if len(metadata) > 1 else content


def _in_order(content: bytes) -> bytes:
    """A file's content with sorted metadata: the library's order differs between processes."""
    header, end = _read_header(content)
    header[METADATA] = dict(sorted(header[METADATA].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # align the numbers to 8 bytes
    return b"".join([len(text).to_bytes(8, "little"), text, memoryview(content)[end:]])


def array_of(name: str, value: Any) -> np.ndarray:
    """The numbers of a Tensor or array in main memory, little-endian.

    Raises: TypeError for anything else, and for dtypes that `mt` does not have.
    """
    array = value.array if isinstance(value, Tensor) else value
    if is_array(array):
        array = to_host(array)
    elif not isinstance(array, np.generic):
        raise TypeError(f"save: {name!r} must be a Tensor or an array, got {type(value).__name__}")
    if is_bfloat16(array.dtype):  # its bytes have the machine's order
        return np.asarray(array)
    native = check_dtype(array.dtype.newbyteorder("="), "save")
    return np.asarray(array, native.newbyteorder("<"))


def read_safetensors(file: BinaryIO) -> Loaded:
    """Read the tensors of a safetensors file by name, and the text in its header.

    Raises: ValueError, with the reason as a clause, if the file is damaged or truncated, or has
    numbers that are not supported.
    """
    from safetensors import deserialize

    content = file.read()
    with _refusals():
        entries = deserialize(content)
    header, _ = _read_header(content)
    del content  # the entries are copies, which the Tensors take over
    tensors = {}
    while entries:
        name, entry = entries.pop()
        tensors[name] = Tensor(_array(name, **entry))
    metadata = header.pop(METADATA, None) or {}
    return Loaded({name: tensors[name] for name in header}, metadata)


def read_metadata(path: Path) -> dict[str, str]:
    """Read the text in the header of a safetensors file by name, without reading the numbers.

    Raises: ValueError, with the reason as a clause, if the file is damaged or truncated.
    """
    from safetensors import safe_open

    with _refusals(), safe_open(path, framework="numpy") as file:
        return file.metadata() or {}


@contextmanager
def _refusals() -> Iterator[None]:
    """Translate the library's errors into ValueErrors, with the reason as a clause."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise ValueError(f"it is not a whole safetensors file ({_short(error)})") from error


def _short(error: Exception) -> str:
    """An error's message, shortened, since it may quote the file at any length."""
    text = str(error)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _read_header(content: bytes) -> tuple[dict[str, Any], int]:
    """The parsed header of a file that the library accepts, and the offset of its end."""
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end], object_pairs_hook=_dict_of), end


def _dict_of(pairs: list[tuple[Any, ...]]) -> dict[Any, Any]:
    """A dict from JSON; a duplicate name, which would hide a tensor, is an error."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice in its header")
    return found


def _array(name: str, dtype: str, shape: list[int], data: bytearray) -> np.ndarray:
    """The numbers of a tensor, without a copy if `mt` has their dtype."""
    tensor = f"its tensor {name!r:.99}"
    if dtype not in DTYPES:
        what = "float8" if dtype.startswith("F8") else KINDS.get(dtype, "unknown numbers")
        raise ValueError(f"{tensor} is of {dtype} ({what}), not supported")
    if len(shape) > MOST_AXES:
        raise ValueError(f"{tensor} has {len(shape)} axes; at most {MOST_AXES} are supported")
    array = np.frombuffer(data, DTYPES[dtype])
    if dtype == "BOOL" and (array.view(np.uint8) > 1).any():
        raise ValueError(f"{tensor} of bool has bytes that are neither 0 nor 1")
    if dtype == "BF16":
        array = of_bits(array)
    try:
        array = array.reshape(shape)
    except ValueError as error:  # one axis has length 0, the others are too long
        raise ValueError(f"{tensor} has the shape {shape}: {error}") from error
    if is_bfloat16(array.dtype):
        return array
    return array.astype(array.dtype.newbyteorder("="), copy=False)
