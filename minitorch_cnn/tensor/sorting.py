"""Sorting along an axis: sort, argsort, topk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import dtypes
from ..autograd import array_function
from .gathering import gather
from .reduction import ValuesAndIndices, axes_of

if TYPE_CHECKING:
    from .tensor import Tensor


def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False
) -> ValuesAndIndices:
    """Sort `input` along `dim`, returning a pair (values, indices).

    The order is ascending with NaN last, or descending with NaN first. Equal elements keep their
    order, whatever `stable` is.
    """
    if input.ndim == 0:
        axes_of(dim, 0, "sort")
        first = np.zeros((), dtypes.int64, like=input.array)
        return ValuesAndIndices(input.clone(), array_function.Tensor(first))
    (axis,) = axes_of(dim, input.ndim, "sort")
    x = input.array
    if descending:
        order = np.flip(x, axis).argsort(axis, kind="stable")
        order = np.flip(x.shape[axis] - 1 - order, axis).copy()
    else:
        order = x.argsort(axis, kind="stable")
    order = array_function.Tensor(order.astype(dtypes.int64, copy=False))
    return ValuesAndIndices(gather(input, axis, order), order)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """Return the indices that sort `input` along `dim`."""
    return sort(input, dim, descending, stable).indices


def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesAndIndices:
    """Find the k largest (or smallest) elements along `dim`: a pair (values, indices).

    They are in order, whatever `sorted` is.
    """
    if input.ndim == 0:
        return sort(input, dim)
    (axis,) = axes_of(dim, input.ndim, "topk")
    if not 0 <= k <= input.shape[axis]:
        raise RuntimeError(
            f"topk: k={k} must lie in [0, {input.shape[axis]}], the size of axis {dim}"
        )
    values, indices = sort(input, axis, descending=largest)
    return ValuesAndIndices(values.narrow(axis, 0, k), indices.narrow(axis, 0, k))
