"""Arrays and types as ONNX files hold them, and as ours."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from .package import onnx

# ONNX's number of each dtype that a tensor may have: TensorProto.DataType.
NUMBERS = {
    "float32": 1, "uint8": 2, "int8": 3, "int16": 5, "int32": 6, "int64": 7, "bool": 9,
    "float16": 10, "float64": 11, "uint16": 4, "uint32": 12, "uint64": 13,
}  # fmt: skip
DTYPES = {number: np.dtype(name) for name, number in NUMBERS.items()}
BFLOAT16 = 16  # loads as float32
SHARED = 3  # times that the bytes of a file may be read, as by equal weights that share them
# The field of a TensorProto that holds its numbers if they are not raw, and how many it holds.
FIELDS = {
    1: "float_data", 7: "int64_data", 11: "double_data", 12: "uint64_data", 13: "uint64_data",
}  # fmt: skip


def dtype_of(number: int, what: str) -> np.dtype[Any]:
    """The dtype of an ONNX type. Raises ValueError that begins with `what` for one we lack."""
    if number == BFLOAT16:
        return np.dtype("float32")
    if number not in DTYPES:
        names = {value: name for name, value in onnx().TensorProto.DataType.items()}
        raise ValueError(
            f"{what} has the type {names.get(number, number)}; it must be one of "
            f"{', '.join(NUMBERS)} or bfloat16"
        )
    return DTYPES[number]


def number_of(dtype: Any) -> int:
    """ONNX's number of a dtype."""
    return NUMBERS[np.dtype(dtype).name]


class Files:
    """The files of a model's folder, the only one where external data may lie."""

    def __init__(self, folder: Path) -> None:
        self.root = os.path.realpath(folder)
        self.taken: dict[str, int] = {}  # bytes read, by path

    def read(self, proto: Any, what: str) -> bytes:
        """The bytes of a tensor that lie in one of the files.

        Raises: ValueError that begins with `what`, for a place outside of the folder or beyond the
        file's end, and where tensors share a file's bytes more than SHARED times.
        """
        entries = {entry.key: entry.value for entry in proto.external_data}
        location = entries.get("location", "")
        path = os.path.realpath(os.path.join(self.root, location))
        inside = location and os.path.commonpath([self.root, path]) == self.root
        if not inside or not os.path.isfile(path):
            raise ValueError(f"{what} lies in {location!r}: that is no file in the model's folder")
        size = os.path.getsize(path)
        try:
            offset = int(entries.get("offset", "0"))
            length = int(entries.get("length", size - offset))
        except ValueError:
            raise ValueError(f"{what}: offset and length of its data must be integers") from None
        if offset < 0 or length < 0 or offset + length > size:
            raise ValueError(
                f"{what} needs the bytes {offset} to {offset + length} of {location!r}, which has "
                f"{size}"
            )
        self.taken[path] = self.taken.get(path, 0) + length
        if self.taken[path] > SHARED * size:
            raise ValueError(
                f"{what} reads {location!r} again, whose {size} bytes may be read {SHARED} times"
            )
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(length)


def read_array(proto: Any, files: Files | None, what: str) -> np.ndarray:
    """The array of a TensorProto: (dims).

    files: those where external data may lie.
    Raises: ValueError that begins with `what`, for numbers that do not fill the shape, and for
    external data elsewhere. Nothing is allocated before the sizes are known to agree.
    """
    dtype = dtype_of(proto.data_type, what)
    shape = tuple(proto.dims)
    if any(size < 0 for size in shape):
        raise ValueError(f"{what} has the shape {shape}; no size may be negative")
    count = math.prod(shape)
    if proto.data_location == onnx().TensorProto.EXTERNAL:
        if files is None:
            location = next((e.value for e in proto.external_data if e.key == "location"), "")
            raise ValueError(f"{what} lies in the file {location!r}: load the model from a path")
        raw = files.read(proto, what)
    elif proto.HasField("raw_data"):
        raw = proto.raw_data
    else:
        field = getattr(proto, FIELDS.get(proto.data_type, "int32_data"))
        if len(field) != count:
            raise ValueError(f"{what} holds {len(field)} numbers; its shape {shape} needs {count}")
        return onnx().numpy_helper.to_array(proto).astype(dtype)
    itemsize = 2 if proto.data_type == BFLOAT16 else dtype.itemsize
    if len(raw) != count * itemsize:
        raise ValueError(
            f"{what} holds {len(raw)} bytes; its shape {shape} of {dtype} needs {count * itemsize}"
        )
    if proto.data_type == BFLOAT16:  # the upper half of a float32
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
    stored = np.frombuffer(raw, dtype.newbyteorder("<")).reshape(shape)
    return stored.astype(dtype)  # an array of its own, that can be written to


def write_array(array: np.ndarray, name: str = "") -> Any:
    """The TensorProto of an array, with raw bytes."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
    return onnx().TensorProto(
        data_type=number_of(array.dtype), dims=array.shape, raw_data=array.tobytes(), name=name
    )
