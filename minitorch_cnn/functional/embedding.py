"""Map integers to vectors: embedding (rows of a table) and one_hot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.array_function import ArrayFunction
from ..kernels.segments import add_runs
from ..tensor.tensor import Tensor
from .checks import check_float, check_integer

if TYPE_CHECKING:
    from ..tensor.types import Array


class Embedding(ArrayFunction):
    """y = w[i]: rows of a table.    w (R, *), i (any shape) -> y (i's shape, *)"""

    @staticmethod
    def forward(
        ctx: ArrayFunction,
        w: Array,
        indices: Array,
        padding_idx: int | None,
        by_frequency: bool = False,
    ) -> Array:
        ctx.save_for_backward(indices)
        ctx.rows, ctx.padding_idx, ctx.by_frequency = w.shape[0], padding_idx, by_frequency
        return w[indices]

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        (indices,) = ctx.saved_tensors
        if ctx.by_frequency:
            counts = np.bincount(indices.array.ravel(), minlength=ctx.rows)[indices.array]
            gy = gy * Tensor((1 / counts).astype(gy.dtype)[..., None])
        settings = {"rows": ctx.rows, "padding_idx": ctx.padding_idx}
        return EmbeddingBackward.apply(gy, indices, **settings), None


class EmbeddingBackward(ArrayFunction):
    """gw[r] = sum of gy over the positions whose index is r; zero for r = padding_idx."""

    in_float32 = True

    @staticmethod
    def forward(
        ctx: ArrayFunction, gy: Array, indices: Array, rows: int, padding_idx: int | None
    ) -> Array:
        ctx.save_for_backward(indices)
        ctx.padding_idx = padding_idx
        width = gy.shape[-1]
        gw = np.zeros((rows, width), gy.dtype, like=gy)
        order = np.argsort(indices, axis=None, kind="stable")
        add_runs(gw, gy.reshape(-1, width)[order], indices.ravel()[order], axis=-2)
        if padding_idx is not None:
            gw[padding_idx] = 0
        return gw

    @staticmethod
    def backward(ctx: ArrayFunction, gw: Any) -> tuple[Tensor | None, ...]:
        (indices,) = ctx.saved_tensors
        gy = Embedding.apply(gw, indices, padding_idx=ctx.padding_idx)
        if ctx.padding_idx is not None:
            gy = gy.masked_fill((indices == ctx.padding_idx).unsqueeze(-1), 0)
        return gy, None


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Look up rows of a table of vectors.

    input (*) of integers, weight (R, D) -> y (*, D), y[i] = weight[input[i]]

    The row `padding_idx` (negative: counted from the end) gets no gradient. With max_norm, the used
    rows whose norm of order norm_type exceeds it are first scaled down to it, in place. With
    scale_grad_by_freq, the gradient of a row is divided by the number of its uses.

    Raises: IndexError for an index outside 0..R-1, ValueError for a padding_idx outside -R..R-1 or
    sparse=True, since gradients are dense.
    """
    check_integer("embedding", input=input)
    check_float("embedding", weight=weight)
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight of shape {weight.shape} must be (R, D)")
    if sparse:
        raise ValueError("embedding: sparse=True is not supported, gradients are dense")
    rows = weight.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise ValueError(f"embedding: padding_idx={padding_idx} must be in {-rows}..{rows - 1}")
        padding_idx %= rows
    check_indices("embedding", input.array, rows, f"weight has {rows} rows")
    if max_norm is not None:
        shorten_rows(weight, input.array, max_norm, norm_type)
    settings = {"padding_idx": padding_idx, "by_frequency": scale_grad_by_freq}
    return Embedding.apply(weight, input, **settings)


def shorten_rows(weight: Tensor, indices: Array, max_norm: float, norm_type: float) -> None:
    """Scale the rows at these indices down to max_norm if their norm exceeds it, in place."""
    rows = np.unique(indices)
    norms = np.linalg.norm(weight.array[rows].astype(np.float64), norm_type, axis=1)
    long = norms > max_norm
    if long.any():
        scale = (max_norm / (norms[long] + 1e-7))[:, None]
        weight.array[rows[long]] = (weight.array[rows[long]] * scale).astype(weight.dtype)
        weight.bump_version()


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Encode each index as a vector with 1 at the index and 0 elsewhere.

    tensor (*) of integers -> y (*, num_classes) of int64; num_classes=-1 means the largest index
    plus one

    Raises: IndexError for an index outside 0..num_classes-1, ValueError for num_classes=0 or below
    -1, and for num_classes=-1 with an empty tensor.
    """
    check_integer("one_hot", tensor=tensor)
    indices = tensor.array
    if num_classes < 1 and num_classes != -1:
        raise ValueError(f"one_hot: num_classes={num_classes} must be positive, or -1 to find it")
    if num_classes == -1:
        if not indices.size:
            raise ValueError("one_hot: num_classes must be given for an empty tensor")
        num_classes = max(int(indices.max()) + 1, 1)
    check_indices("one_hot", indices, num_classes, f"num_classes={num_classes}")
    return Tensor((indices[..., None] == np.arange(num_classes, like=indices)).astype(np.int64))


def check_indices(name: str, indices: Array, size: int, reason: str) -> None:
    """IndexError naming the first of `indices` outside 0..size-1."""
    bad = (indices < 0) | (indices >= size)
    if np.count_nonzero(bad):  # several times faster than any
        raise IndexError(
            f"{name}: index {indices[bad].flat[0]} must be in 0..{size - 1}, as {reason}"
        )
