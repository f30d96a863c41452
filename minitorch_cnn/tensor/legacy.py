"""Names of PyTorch's first years that are still in use: FloatTensor, LongTensor, Variable, ...

torch.FloatTensor(2, 3)          an uninitialised tensor of that shape
torch.LongTensor([1, 2])         a tensor of these numbers
isinstance(x, torch.LongTensor)  whether x has that dtype and is on the CPU
Variable(x, requires_grad=True)  x without its history
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..dtypes import DType
from .creation import empty, tensor
from .tensor import Size, Tensor

if TYPE_CHECKING:
    from .types import Array, DTypeLike


class _OfDtype(type):
    """A class that creates and recognises CPU tensors of one dtype."""

    dtype: np.dtype

    def __call__(cls, *args: Any) -> Tensor:
        if all(isinstance(n, int) for n in args):
            return empty(args if args else (0,), dtype=cls.dtype)
        if len(args) != 1 or isinstance(args[0], (float, str)):
            raise TypeError(
                f"{cls.__name__}: takes sizes or one sequence of numbers, got "
                f"{', '.join(map(repr, args))}"
            )
        (data,) = args
        if isinstance(data, Size):
            return empty(data, dtype=cls.dtype)
        if isinstance(data, Tensor):
            if data.dtype != cls.dtype:
                raise TypeError(f"{cls.__name__}: data has dtype {data.dtype}, not {cls.dtype}")
            return data
        return tensor(np.asarray(data).astype(cls.dtype))

    def __instancecheck__(cls, x: Array) -> bool:
        return isinstance(x, Tensor) and x.dtype == cls.dtype and x.device == "cpu"


def _named(name: str, dtype: DType) -> _OfDtype:
    return _OfDtype(name, (), {"dtype": dtype, "__doc__": f"The CPU's tensors of {dtype}."})


FloatTensor = _named("FloatTensor", dtypes.float32)
DoubleTensor = _named("DoubleTensor", dtypes.float64)
HalfTensor = _named("HalfTensor", dtypes.float16)
ByteTensor = _named("ByteTensor", dtypes.uint8)
CharTensor = _named("CharTensor", dtypes.int8)
ShortTensor = _named("ShortTensor", dtypes.int16)
IntTensor = _named("IntTensor", dtypes.int32)
LongTensor = _named("LongTensor", dtypes.int64)
BoolTensor = _named("BoolTensor", dtypes.bool_)
TYPES = (
    FloatTensor, DoubleTensor, HalfTensor, ByteTensor, CharTensor, ShortTensor, IntTensor,
    LongTensor, BoolTensor,
)  # fmt: skip


class _AnyTensor(type):
    def __instancecheck__(cls, x: Array) -> bool:
        return isinstance(x, Tensor)


class Variable(metaclass=_AnyTensor):
    """`Variable(x, requires_grad)`: a tensor that shares the memory of x, without its history."""

    def __new__(cls, data: Tensor, requires_grad: bool = False) -> Tensor:
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable: data must be a Tensor, got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)


def type_of(
    input: Tensor, dtype: DTypeLike | None = None, non_blocking: bool = False
) -> str | Tensor:
    """Return the type's name, such as "torch.FloatTensor", or convert the tensor to `dtype`.

    `dtype` may be a dtype, such a name, or a class of this file.
    """
    if dtype is None:
        place = "torch.cuda." if input.is_cuda else "torch."
        if input.dtype in dtypes.WIDE_UNSIGNED:  # without a class of that name, as in PyTorch
            return f"{place}UInt{8 * input.dtype.itemsize}Tensor"
        return place + next(t.__name__ for t in TYPES if t.dtype == input.dtype)
    if isinstance(dtype, str) and dtype.endswith("Tensor"):
        kinds = {f"torch.{place}{t.__name__}": t for t in TYPES for place in ("", "cuda.")}
        if dtype not in kinds:
            raise ValueError(f"type: dtype={dtype!r} names no type of tensors")
        place = "cuda" if ".cuda." in dtype else None
        return input.to(dtype=kinds[dtype].dtype, device=place)
    return input.to(dtype=dtype.dtype if isinstance(dtype, _OfDtype) else dtype)


def set_default_tensor_type(t: Any) -> None:
    """Set the default dtype by the name or class of a tensor type, such as "torch.FloatTensor".

    Raises: ValueError for a type on the GPU or one of integers: there is no current device, and
    the default dtype is a float.
    """
    kinds: dict[Any, _OfDtype] = {f"torch.{kind.__name__}": kind for kind in TYPES}
    kind = kinds.get(t, t) if isinstance(t, str) else t
    if kind not in TYPES or kind.dtype.kind not in dtypes.FLOATS:
        raise ValueError(
            f"set_default_tensor_type: t={t!r} must be one of torch.FloatTensor, "
            "torch.DoubleTensor and torch.HalfTensor, on the CPU"
        )
    dtypes.set_default_dtype(kind.dtype)
