"""Join and split tensors: cat, stack, repeat, split, chunk, unbind."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices
from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from ..kernels.rows import concatenate
from .gathering import IndexSelect
from .movement import axis_of, clone, expand, reshape, sizes_of, unsqueeze
from .promotion import common_dtype

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Dims


class Cat(ArrayFunction):
    """Arrays joined along an axis."""

    @staticmethod
    def forward(ctx: ArrayFunction, *xs: Array, axis: int) -> Array:
        ctx.axis, ctx.sizes = axis, [x.shape[axis] for x in xs]
        return concatenate(xs, axis)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        ends = np.cumsum(ctx.sizes).tolist()
        return tuple(
            narrow(gy, ctx.axis, end - size, size) if need else None
            for end, size, need in zip(ends, ctx.sizes, ctx.needs_input_grad, strict=True)
        )


def cat(tensors: Iterable[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along `dim`, with equal other sizes; tensors of shape (0,) are skipped."""
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("cat: tensors is empty, must hold at least one tensor")
    dtype = tensors[0].dtype
    for t in tensors[1:]:
        dtype = common_dtype(dtype, t.dtype, "cat")
    tensors = [t for t in tensors if t.shape != (0,)] or tensors[:1]
    axis = axis_of(dim, tensors[0].ndim, "cat") if tensors[0].ndim else 0
    first = tensors[0].shape
    for i, t in enumerate(tensors):
        if t.ndim == 0:
            raise RuntimeError(f"cat: tensors[{i}] is 0-d and has no axis to join along")
        if t.ndim != len(first) or any(
            t.shape[d] != first[d] for d in range(len(first)) if d != axis
        ):
            raise RuntimeError(
                f"cat: tensors[{i}] has shape {t.shape}, which does not join {first} along {dim}"
            )
    return Cat.apply(*[t.to(dtype) for t in tensors], axis=axis)


def stack(tensors: Iterable[Tensor], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new axis `dim`."""
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("stack: tensors is empty, must hold at least one tensor")
    for i, t in enumerate(tensors):
        if t.shape != tensors[0].shape:
            raise RuntimeError(
                f"stack: tensors[{i}] has shape {t.shape}, the first has {tensors[0].shape}"
            )
    return cat([unsqueeze(t, dim) for t in tensors], axis_of(dim, tensors[0].ndim + 1, "stack"))


def narrow(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """View elements start to start + length of axis `dim`; start < 0 counts from the end."""
    axis = axis_of(dim, input.ndim, "narrow")
    n = input.shape[axis]
    first = start + n if start < 0 else start
    if not 0 <= first <= first + length <= n:
        raise RuntimeError(
            f"narrow: start={start}, length={length} exceed the size {n} of axis {dim}"
        )
    return input[(slice(None),) * axis + (slice(first, first + length),)]


def split(tensor: Tensor, split_size_or_sections: Dims, dim: int = 0) -> tuple[Tensor, ...]:
    """Split into views of one size (the last may be smaller), or of the sizes in a list."""
    n = tensor.shape[axis_of(dim, tensor.ndim, "split")]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n):
            raise RuntimeError(f"split: split_size={size} must be positive")
        sizes = [min(size, n - start) for start in range(0, n, size or 1)] or [0]
    else:
        sizes = list(split_size_or_sections)
        if sum(sizes) != n or min(sizes, default=0) < 0:
            raise RuntimeError(f"split: sections {sizes} must add up to the size {n} of axis {dim}")
    ends = np.cumsum(sizes).tolist()
    return tuple(
        narrow(tensor, dim, end - size, size) for end, size in zip(ends, sizes, strict=True)
    )


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Split into at most `chunks` views of equal size along `dim`; the last may be smaller."""
    if chunks < 1:
        raise RuntimeError(f"chunk: chunks={chunks} must be at least 1")
    n = input.shape[axis_of(dim, input.ndim, "chunk")]
    if n == 0:
        return split(input, [0] * chunks, dim)
    return split(input, math.ceil(n / chunks), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the slices of `input` along `dim`, without that axis, as a tuple of views."""
    axis = axis_of(dim, input.ndim, "unbind")
    return tuple(input[(slice(None),) * axis + (i,)] for i in range(input.shape[axis]))


def repeat(input: Tensor, *times: Dims, repeats: Dims | None = None) -> Tensor:
    """Repeat `input`, repeats[i] times along axis i."""
    repeats = sizes_of(times, "repeat", repeats)
    if len(repeats) < input.ndim:
        raise RuntimeError(
            f"repeat: repeats={repeats} must have a number for each of the {input.ndim} axes"
        )
    shape = (1,) * (len(repeats) - input.ndim) + input.shape
    pairs = [n for pair in zip((1,) * len(shape), shape, strict=True) for n in pair]
    tiles = [n for pair in zip(repeats, shape, strict=True) for n in pair]
    sizes = [r * n for r, n in zip(repeats, shape, strict=True)]
    y = reshape(expand(reshape(input, pairs), tiles), sizes)
    return y if y._base is None else clone(y)  # a view if every repeat is 1


def repeat_interleave(
    input: Tensor,
    repeats: int | Tensor | None = None,
    dim: int | None = None,
    *,
    output_size: int | None = None,
) -> Tensor:
    """Repeat each element, by one number or by one per element along `dim`.

    Without `dim`, `input` is flattened. With only `input`, a vector of repeats, the positions
    0, 1, .. are repeated. Raises: RuntimeError for repeats that are negative or of another length,
    and for an output_size that differs from the result's size.
    """
    if repeats is None:
        if input.ndim != 1:
            raise RuntimeError(f"repeat_interleave: repeats has {input.ndim} axes, must have one")
        places = np.arange(len(input.array), like=input.array)
        input, repeats = array_function.Tensor(places), input
    if dim is None:
        input, dim = reshape(input, input.array.size), 0
    axis = axis_of(dim, max(input.ndim, 1), "repeat_interleave")
    if input.ndim == 0:
        input = reshape(input, 1)
    n = input.shape[axis]
    given: Any = repeats
    times = devices.to_host(given.array) if hasattr(given, "ndim") else np.asarray(given)
    if times.dtype.kind not in "iu" or times.ndim > 1:
        raise TypeError("repeat_interleave: repeats must be an integer or a vector of them")
    if (times < 0).any() or (times.ndim and len(times) not in (1, n)):
        raise RuntimeError(
            f"repeat_interleave: repeats must be from 0 on, one or {n} of them, got {repeats}"
        )
    places = np.repeat(np.arange(n), times)
    if output_size is not None and output_size != len(places):
        raise RuntimeError(
            f"repeat_interleave: output_size={output_size} must be the {len(places)} that come out"
        )
    return IndexSelect.apply(input, indices=np.asarray(places, like=input.array), axis=axis)


def tensor_split(input: Tensor, indices_or_sections: Dims, dim: int = 0) -> tuple[Tensor, ...]:
    """Split into views: a number of pieces, the first ones longer by one if necessary, or pieces
    that end at the given indices.
    """
    axis = axis_of(dim, input.ndim, "tensor_split")
    n = input.shape[axis]
    given: Any = indices_or_sections
    if hasattr(given, "__index__"):
        sections = int(given)
        if sections < 1:
            raise RuntimeError(f"tensor_split: sections={sections} must be at least 1")
        size, longer = divmod(n, sections)
        ends = [i * size + min(i, longer) for i in range(sections + 1)]
    else:
        ends = [0, *(min(max(i + n if i < 0 else i, 0), n) for i in given), n]
    return tuple(narrow(input, axis, a, max(b - a, 0)) for a, b in itertools.pairwise(ends))


def hstack(tensors: Iterable[Tensor]) -> Tensor:
    """Join tensors along their second axis, vectors along their only one."""
    tensors = [reshape(t, 1) if t.ndim == 0 else t for t in tensors]
    return cat(tensors, 0 if tensors and tensors[0].ndim == 1 else 1)


def vstack(tensors: Iterable[Tensor]) -> Tensor:
    """Join tensors along their first axis; vectors are rows."""
    return cat([reshape(t, 1, -1) if t.ndim < 2 else t for t in tensors], 0)


def concat(tensors: Iterable[Tensor], dim: int = 0) -> Tensor:
    """PyTorch's second name of `cat`."""
    return cat(tensors, dim)
