"""Operations that change the shape of a tensor itself: unsqueeze_, squeeze_, transpose_, t_,
swapaxes_, resize_, resize_as_.

Views may share its memory and refer to it. The previous tensor therefore lives on as a hidden
tensor, which becomes the base of those views, and the tensor itself becomes a view of it. Writes
through any of them reach the others, and so do gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..autograd import array_function
from ..autograd.modes import this_thread
from . import movement, shaping
from .movement import sizes_of

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Dims


def _check_changeable(x: Tensor, name: str) -> None:
    """RuntimeError for a leaf that requires grad, or a view of one, while ops are recorded, and for
    a tensor with a history while they are not.
    """
    if not this_thread.modes.grad:
        if x._node is not None:
            raise RuntimeError(
                f"{name}: a tensor that a recorded op made cannot change its shape under no_grad; "
                "detach() it"
            )
        return
    x._follow_base()
    owner = x if x._base is None else x._base
    if any(y._requires_grad and y._node is None for y in (x, owner)):
        raise RuntimeError(
            f"{name}: a leaf tensor that requires grad, or a view of one, cannot be changed in "
            "place while ops are recorded; use no_grad"
        )


def _become(x: Tensor, name: str, view: Callable[[Tensor], Tensor]) -> Tensor:
    """Make x the view(x) of its previous state."""
    _check_changeable(x, name)
    was = x
    if x._base is None and x._counter is not None:  # others may share its memory
        was = array_function.Tensor(x.array)
        was._requires_grad, was._node, was._index = x._requires_grad, x._node, x._index
        was._counter = x._counter
    new = view(was)
    if new is was:
        return x
    if was is not x:
        x._former = was
    if new._base is not x:
        x._base, x._path, x._seen = new._base, new._path, new._seen
    x.array = new.array
    if new._node is not None:
        x._take_history(new)
    x.bump_version()
    return x


def unsqueeze_(input: Tensor, dim: int) -> Tensor:
    """Insert an axis of size 1 at `dim` into `input` itself."""
    return _become(input, "unsqueeze_", lambda x: movement.unsqueeze(x, dim))


def squeeze_(input: Tensor, dim: Dims | None = None) -> Tensor:
    """Remove the axes of size 1 from `input` itself: all, or those of `dim`."""
    return _become(input, "squeeze_", lambda x: movement.squeeze(x, dim))


def transpose_(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Exchange two axes of `input` itself."""
    return _become(input, "transpose_", lambda x: movement.transpose(x, dim0, dim1))


def swapaxes_(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """`transpose_` under NumPy's name."""
    return _become(input, "swapaxes_", lambda x: movement.transpose(x, axis0, axis1))


def t_(input: Tensor) -> Tensor:
    """Transpose the matrix `input` itself; with fewer axes it is unchanged."""
    return _become(input, "t_", shaping.t)


def resize_(input: Tensor, *sizes: Dims, memory_format: str | None = None) -> Tensor:
    """Give `input` itself another shape, with any number of elements.

    The elements keep their order; additional ones are 0, where PyTorch's are uninitialised. A
    larger tensor gets new memory, which views of the old one do not share. memory_format: accepted,
    changes no result.

    RuntimeError for a tensor that requires grad or whose memory is not contiguous.
    """
    shape = sizes_of(sizes, "resize_")
    return _resized(input, "resize_", shape)


def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: str | None = None) -> Tensor:
    """`resize_` to the shape of `the_template`."""
    return _resized(input, "resize_as_", the_template.shape)


def _resized(x: Tensor, name: str, shape: tuple[int, ...]) -> Tensor:
    if x.requires_grad:
        raise RuntimeError(f"{name}: a tensor that requires grad cannot be resized; detach() it")
    if not x.array.flags.c_contiguous:
        raise RuntimeError(f"{name}: the tensor of shape {x.shape} must be contiguous")
    if any(n < 0 for n in shape):
        raise RuntimeError(f"{name}: sizes {shape} must be at least 0")
    size = math.prod(shape)
    if size <= x.array.size:
        return _become(x, name, lambda y: y.view(-1).narrow(0, 0, size).view(shape))
    larger = x.new_zeros(size)
    larger.array[: x.array.size] = x.array.reshape(-1)
    x.data = larger.view(shape)
    return x
