"""Type names of arguments and results, for annotations only.

To a type checker an `Array` is NumPy's; CuPy's and the emulator's arrays run the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ..devices import Array, DeviceLike
from ..dtypes import DType, DTypeLike

if TYPE_CHECKING:
    import numpy as np

    from .tensor import Tensor

__all__ = [
    "Array", "ArrayLike", "DType", "DTypeLike", "DeviceLike", "Dims", "Operand", "Shape",
    "Size1d", "Size2d", "TensorLike",
]  # fmt: skip

TensorLike: TypeAlias = "Tensor | Array"
Operand: TypeAlias = "Tensor | Array | np.generic | float"  # an int or a bool is a float, too
ArrayLike: TypeAlias = "Operand | Sequence[Any]"  # arguments of `tensor`, such as nested sequences
Shape: TypeAlias = "tuple[int, ...]"
Dims: TypeAlias = "int | Sequence[int]"  # one axis or several; one size or several
Size1d: TypeAlias = "int | tuple[int]"  # a setting of windows along one axis
Size2d: TypeAlias = "int | tuple[int, int]"  # and along two: one number for both, or a pair
