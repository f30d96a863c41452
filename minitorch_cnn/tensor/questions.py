"""Small queries about tensors and dtypes that are functions in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import dtypes
from .creation import as_tensor
from .promotion import can_hold

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import DeviceLike, DTypeLike


def is_complex(input: Tensor) -> bool:
    """False: no dtype here is complex."""
    return False


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not 0; RuntimeError for several or none."""
    if input.numel() != 1:
        raise RuntimeError(f"is_nonzero: a tensor of shape {input.shape} must have one element")
    return input.item() != 0


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether the shapes are equal."""
    return input.shape == other.shape


def can_cast(from_: DTypeLike, to: DTypeLike) -> bool:
    """Whether a tensor of the dtype `to` can be overwritten by a result of the dtype `from_`."""
    return can_hold(dtypes.check_dtype(to, "can_cast"), dtypes.check_dtype(from_, "can_cast"))


def scalar_tensor(
    s: float,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Create a 0-d tensor of a number, by default in the default float type."""
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    return as_tensor(s, dtype, device).requires_grad_(requires_grad)


def asarray(
    obj: Any,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Convert `obj` as `as_tensor`; `copy` forces a copy, copy=False forbids it (ValueError)."""
    y = as_tensor(obj, dtype, device)
    source = getattr(obj, "array", obj)
    shares = y.array is source or (hasattr(source, "base") and y.array.base is source)
    if copy is False and not shares:
        raise ValueError("asarray: a copy is needed for this obj, dtype or device")
    if copy and shares:
        y = y.clone()
    return y.detach().requires_grad_(requires_grad) if requires_grad else y
