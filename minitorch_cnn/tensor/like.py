"""Making tensors in the shape, or in the dtype and on the device, of another.

Memory is in order, whatever the `memory_format` that PyTorch's callers name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices, dtypes
from ..autograd import array_function
from .creation import _sizes, rand, randint, randn, tensor
from .promotion import fitting

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, ArrayLike, DeviceLike, Dims, DTypeLike, Shape


def _filled(
    name: str,
    make: Callable[..., Array],
    shape: Shape,
    model: Tensor,
    dtype: DTypeLike | None,
    device: DeviceLike | None,
    requires_grad: bool,
    value: float | None = None,
) -> Tensor:
    """A tensor of a `shape` made by np.zeros or np.empty, with what is left out taken from `model`
    (NumPy would hand np.ones of a device an argument that CuPy does not have).
    """
    dtype = model.array.dtype if dtype is None else dtypes.check_dtype(dtype, name)
    y = make(shape, dtype, like=model.array)
    if value is not None:
        y[...] = fitting(value, dtype, name)
    if device is not None:
        y = devices.moved(y, devices.check_device(device, name), name)
    return array_function.Tensor(y, requires_grad)


def zeros_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Zeros in the shape, the dtype and on the device of `input`."""
    return _filled("zeros_like", np.zeros, input.shape, input, dtype, device, requires_grad)


def ones_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Ones in the shape, the dtype and on the device of `input`."""
    return _filled("ones_like", np.empty, input.shape, input, dtype, device, requires_grad, 1)


def empty_like(
    input: Tensor,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Uninitialised memory in the shape, the dtype and on the device of `input`."""
    return _filled("empty_like", np.empty, input.shape, input, dtype, device, requires_grad)


def full_like(
    input: Tensor,
    fill_value: float,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """One number in the shape, the dtype and on the device of `input`."""
    return _filled(
        "full_like", np.empty, input.shape, input, dtype, device, requires_grad, fill_value
    )


def randn_like(
    input: Tensor,
    *,
    generator: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Draws from N(0, 1) in the shape, the dtype and on the device of `input`."""
    return randn(
        input.shape,
        generator=generator,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


def rand_like(
    input: Tensor,
    *,
    generator: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Uniform draws from [0, 1) in the shape, the dtype and on the device of `input`."""
    return rand(
        input.shape,
        generator=generator,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


def randint_like(
    input: Tensor,
    low: int = 0,
    high: int | None = None,
    *,
    generator: np.random.Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers from [low, high) in the shape, the dtype and on the device of `input`;
    randint_like(input, high) starts at 0.
    """
    if high is None:
        low, high = 0, low
    return randint(
        low,
        high,
        input.shape,
        generator=generator,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


def new_zeros(
    self: Tensor,
    *sizes: Dims,
    size: Dims | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Zeros of any size in the dtype and on the device of this tensor."""
    shape = _sizes("new_zeros", sizes, size)
    return _filled("new_zeros", np.zeros, shape, self, dtype, device, requires_grad)


def new_ones(
    self: Tensor,
    *sizes: Dims,
    size: Dims | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones of any size in the dtype and on the device of this tensor."""
    shape = _sizes("new_ones", sizes, size)
    return _filled("new_ones", np.empty, shape, self, dtype, device, requires_grad, 1)


def new_empty(
    self: Tensor,
    *sizes: Dims,
    size: Dims | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uninitialised memory of any size in the dtype and on the device of this tensor."""
    shape = _sizes("new_empty", sizes, size)
    return _filled("new_empty", np.empty, shape, self, dtype, device, requires_grad)


def new_full(
    self: Tensor,
    size: Dims,
    fill_value: float,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """One number in any size, in the dtype and on the device of this tensor."""
    shape = _sizes("new_full", (size,))
    return _filled("new_full", np.empty, shape, self, dtype, device, requires_grad, fill_value)


def new_tensor(
    self: Tensor,
    data: ArrayLike,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A copy of `data` in the dtype and on the device of this tensor."""
    return tensor(data, dtype or self.dtype, device or self.device, requires_grad)


def new(self: Tensor, *args: Any, device: DeviceLike | None = None) -> Tensor:
    """PyTorch's older `new_tensor` and `new_empty`: `new(2, 3)` and `new(x.shape)` have that shape,
    `new([1, 2])` these numbers, in the dtype and on the device of this tensor.

    Numbers that PyTorch leaves as they lie in memory are 0. A tuple is a shape, as `x.shape` is one
    here, where a plain one would be numbers in PyTorch.
    """
    sizes = args[0] if len(args) == 1 and isinstance(args[0], tuple) else args
    if all(isinstance(n, int) for n in sizes):
        return new_zeros(self, tuple(sizes) or (0,), device=device)
    return new_tensor(self, args[0] if len(args) == 1 else args, device=device)
