"""Dtypes (NumPy's under PyTorch's names), the default floating-point type, and memory formats.

bfloat16 is the dtype of ml_dtypes, which is imported when the name is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, TypeAlias

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
    "uint16",
    "uint32",
    "uint64",
]

DType: TypeAlias = "np.dtype[Any]"
DTypeLike: TypeAlias = "DType | type[Any] | str"  # a dtype as NumPy accepts it

float16: DType = np.dtype("float16")
float32: DType = np.dtype("float32")
float64: DType = np.dtype("float64")
uint8: DType = np.dtype("uint8")
uint16: DType = np.dtype("uint16")
uint32: DType = np.dtype("uint32")
uint64: DType = np.dtype("uint64")
int8: DType = np.dtype("int8")
int16: DType = np.dtype("int16")
int32: DType = np.dtype("int32")
int64: DType = np.dtype("int64")
bool_: DType = np.dtype("bool")
if TYPE_CHECKING:
    bfloat16: DType

# The kinds of floating-point dtypes. That of bfloat16 is V, which no other dtype of a tensor has.
FLOATS = "fV"

iinfo = np.iinfo  # limits of an integer dtype, under PyTorch's name too

# As in PyTorch each of these combines with itself and with floats, not with other integers.
WIDE_UNSIGNED = (uint16, uint32, uint64)

DTYPES = (float16, float32, float64, uint8, int8, int16, int32, int64, bool_, *WIDE_UNSIGNED)

# PyTorch's memory formats, accepted where PyTorch accepts them; no result depends on them.
contiguous_format, channels_last = "contiguous_format", "channels_last"
preserve_format = "preserve_format"

_default_dtype: DType = float32


def is_half(dtype: DType) -> bool:
    """Whether `dtype` is a 16-bit float, which is stored so but computed in float32."""
    return dtype.itemsize == 2 and dtype.kind in FLOATS


def is_bfloat16(dtype: DType) -> bool:
    """Whether `dtype` is bfloat16: the sign, 8 bits of exponent and 7 of fraction, as float32 has
    them in its upper half."""
    return dtype.kind == "V" and dtype.name == "bfloat16"


def finfo(dtype: DTypeLike) -> Any:
    """The limits of a floating-point dtype: eps, max, min, tiny, bits."""
    dtype = np.dtype(dtype)
    return _ml_dtypes().finfo(dtype) if is_bfloat16(dtype) else np.finfo(dtype)


def has_bfloat16() -> bool:
    """Whether ml_dtypes, which has bfloat16, is installed."""
    try:
        return bool(_ml_dtypes())
    except ImportError:
        return False


def of_bits(bits: np.ndarray) -> np.ndarray:
    """The numbers of bfloat16 whose bits are an array of uint16; float32 without ml_dtypes."""
    if has_bfloat16():
        return bits.view(np.dtype(_ml_dtypes().bfloat16))
    wide = bits.astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)


def _ml_dtypes() -> Any:
    try:
        return importlib.import_module("ml_dtypes")
    except ImportError:
        raise ImportError(
            'bfloat16 needs ml_dtypes: pip install "minitorch_cnn[bfloat16]"'
        ) from None


def __getattr__(name: str) -> Any:
    if name == "bfloat16":
        return np.dtype(_ml_dtypes().bfloat16)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def set_default_dtype(dtype: DTypeLike) -> None:
    """Set the dtype of Python floats: float16, bfloat16, float32 (the initial one) or float64."""
    global _default_dtype
    dtype = np.dtype(dtype)
    if dtype.kind not in FLOATS:
        raise TypeError(f"set_default_dtype: dtype={dtype} must be a floating-point type")
    _default_dtype = dtype


def get_default_dtype() -> DType:
    """The dtype of Python floats."""
    return _default_dtype


def check_dtype(dtype: DTypeLike, name: str) -> DType:
    """`dtype` as one of `DTYPES`. Raises: TypeError, naming the function `name`, for others."""
    dtype = np.dtype(dtype)
    if dtype not in DTYPES and not is_bfloat16(dtype):
        raise TypeError(f"{name}: dtype={dtype} must be one of {', '.join(map(str, DTYPES))}")
    return dtype


def check_memory_format(memory_format: str | None, name: str) -> None:
    """Check a memory format. Raises: ValueError, naming the function `name`."""
    if memory_format not in (None, contiguous_format, channels_last, preserve_format):
        raise ValueError(
            f"{name}: memory_format={memory_format!r} must be contiguous_format, channels_last or "
            "preserve_format"
        )
