"""The properties of a tensor: sizes, dtype, device, memory."""

# The self of these methods is the whole Tensor, which these are a part of.
# pyright: reportGeneralTypeIssues=false
from __future__ import annotations

import math
from typing import TYPE_CHECKING, overload

from .. import devices, dtypes
from . import movement

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import DType, Shape


class Size(tuple[int, ...]):
    """The sizes of a tensor's axes, as `size()` returns them."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements."""
        return math.prod(self)


class Facts:
    """Properties and questions that the array answers."""

    @property
    def shape(self: Tensor) -> Shape:
        """The sizes of the axes."""
        return self.array.shape

    @property
    def dtype(self: Tensor) -> DType:
        """The number format, a NumPy dtype."""
        return self.array.dtype

    @property
    def ndim(self: Tensor) -> int:
        """The number of axes."""
        return self.array.ndim

    @property
    def device(self: Tensor) -> devices.device:
        """The device of the array: "cpu", "cuda:i" or "emulator"."""
        return devices.device_of(self.array)

    @property
    def T(self: Tensor) -> Tensor:
        """The tensor with its axes in reverse order."""
        return self.permute(*range(self.ndim - 1, -1, -1))

    @property
    def mT(self: Tensor) -> Tensor:
        """The tensor with its last two axes exchanged."""
        return self.transpose(-1, -2)

    @overload
    def size(self: Tensor, dim: None = None) -> Size: ...
    @overload
    def size(self: Tensor, dim: int) -> int: ...
    def size(self: Tensor, dim: int | None = None) -> Size | int:
        """The shape, or the size of one axis."""
        if dim is None:
            return Size(self.shape)
        return self.shape[movement.axis_of(dim, self.ndim, "size")]

    def dim(self: Tensor) -> int:
        """The number of axes."""
        return self.array.ndim

    ndimension = dim

    def numel(self: Tensor) -> int:
        """The number of elements."""
        return self.array.size

    nelement = numel

    def element_size(self: Tensor) -> int:
        """The size of one element in bytes."""
        return self.array.itemsize

    @property
    def itemsize(self: Tensor) -> int:
        """The size of one element in bytes."""
        return self.array.itemsize

    @property
    def nbytes(self: Tensor) -> int:
        """The size of all elements in bytes."""
        return self.array.nbytes

    def data_ptr(self: Tensor) -> int:
        """The address of the first element, in main memory or in the GPU's."""
        return devices.address(self.array)

    @overload
    def stride(self: Tensor, dim: None = None) -> Shape: ...
    @overload
    def stride(self: Tensor, dim: int) -> int: ...
    def stride(self: Tensor, dim: int | None = None) -> Shape | int:
        """The distance in memory from one index to the next, in elements, of all axes or of one."""
        steps = tuple(step // self.array.itemsize for step in self.array.strides)
        return steps if dim is None else steps[movement.axis_of(dim, self.ndim, "stride")]

    def get_device(self: Tensor) -> int:
        """The number of the tensor's GPU; -1 in main memory."""
        return -1 if self.device.index is None else self.device.index

    def pin_memory(self: Tensor) -> Tensor:
        """Return the tensor itself: memory is not pinned."""
        return self

    def is_pinned(self: Tensor) -> bool:
        """False: memory is not pinned."""
        return False

    @property
    def is_sparse(self: Tensor) -> bool:
        """False: tensors are dense."""
        return False

    @property
    def is_quantized(self: Tensor) -> bool:
        """False: tensors are not quantised."""
        return False

    @property
    def is_meta(self: Tensor) -> bool:
        """False: every tensor stores its numbers."""
        return False

    @property
    def is_cpu(self: Tensor) -> bool:
        """Whether the tensor is in main memory."""
        return self.device == "cpu"

    @property
    def is_cuda(self: Tensor) -> bool:
        """Whether the tensor is on a GPU."""
        return self.device.startswith("cuda")

    def is_contiguous(self: Tensor, memory_format: str | None = None) -> bool:
        """Whether the elements are in memory in order, without gaps.

        With "channels_last": whether an image (N, C, H, W) has the order (N, H, W, C).
        """
        if memory_format == dtypes.channels_last:
            return self.array.ndim == 4 and self.array.transpose(0, 2, 3, 1).flags.c_contiguous
        return self.array.flags.c_contiguous

    def is_floating_point(self: Tensor) -> bool:
        """Whether the dtype is a float."""
        return self.array.dtype.kind in dtypes.FLOATS
