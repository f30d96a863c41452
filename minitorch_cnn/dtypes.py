"""Dtypes (NumPy's under PyTorch's names), the default floating-point type, and memory formats.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = [  # also names of the package
    "bool_",
    "channels_last",
    "contiguous_format",
    "finfo",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "iinfo",
    "int8",
    "int16",
    "int32",
    "int64",
    "preserve_format",
    "set_default_dtype",
    "uint8",
]

DType: TypeAlias = "np.dtype[Any]"
DTypeLike: TypeAlias = "DType | type[Any] | str"  # a dtype as NumPy accepts it

float16: DType = np.dtype("float16")
float32: DType = np.dtype("float32")
float64: DType = np.dtype("float64")
uint8: DType = np.dtype("uint8")
int8: DType = np.dtype("int8")
int16: DType = np.dtype("int16")
int32: DType = np.dtype("int32")
int64: DType = np.dtype("int64")
bool_: DType = np.dtype("bool")

finfo, iinfo = np.finfo, np.iinfo  # limits of a dtype, under PyTorch's names too

DTYPES = (float16, float32, float64, uint8, int8, int16, int32, int64, bool_)

# PyTorch's memory formats, accepted where PyTorch accepts them; no result depends on them.
contiguous_format, channels_last = "contiguous_format", "channels_last"
preserve_format = "preserve_format"

_default_dtype: DType = float32


def is_half(dtype: DType) -> bool:
    """Whether `dtype` is a 16-bit float, which is stored so but computed in float32."""
    return dtype.itemsize == 2 and dtype.kind == "f"


def set_default_dtype(dtype: DTypeLike) -> None:
    """Set the dtype of Python floats: float16, float32 (the initial one) or float64."""
    global _default_dtype
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"set_default_dtype: dtype={dtype} must be a floating-point type")
    _default_dtype = dtype


def get_default_dtype() -> DType:
    """The dtype of Python floats."""
    return _default_dtype


def check_dtype(dtype: DTypeLike, name: str) -> DType:
    """`dtype` as one of `DTYPES`. Raises: TypeError, naming the function `name`, for others."""
    dtype = np.dtype(dtype)
    if dtype not in DTYPES:
        raise TypeError(f"{name}: dtype={dtype} must be one of {', '.join(map(str, DTYPES))}")
    return dtype


def check_memory_format(memory_format: str | None, name: str) -> None:
    """Check a memory format. Raises: ValueError, naming the function `name`."""
    if memory_format not in (None, contiguous_format, channels_last, preserve_format):
        raise ValueError(
            f"{name}: memory_format={memory_format!r} must be contiguous_format, channels_last or "
            "preserve_format"
        )
