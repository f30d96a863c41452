"""Resampling along the last axes: nearest or linear interpolation, and its adjoint.

Along one axis it is a sparse matrix with one or two entries per row,

    y[o] = x[lower[o]] (1 - t[o]) + x[upper[o]] t[o]

The adjoint sums the same entries by columns. Since lower and upper never decrease, the rows of one
column are adjacent.
"""

from typing import NamedTuple

import numpy as np

from ..cuda.array import anywhere
from ..dispatch import standard
from ..jit import can_compile
from . import loops, vectorised
from .axis_map import AxisMap


class Case(NamedTuple):
    """The properties by which an implementation is chosen: array type, input shape, axis count."""

    array: type
    dtype: np.dtype
    x: tuple[int, ...]
    axes: int


def _compiles(case: Case) -> bool:
    return can_compile(case) and case.axes <= 2


def _compiled():
    from . import compiled

    return compiled


OPERATOR = standard(
    "resample", loops, vectorised, _compiled, numpy_can=anywhere, numba_can=_compiles
)


def resample_forward(x: np.ndarray, maps: tuple[AxisMap, ...]) -> np.ndarray:
    """x (*, sizes of the maps) -> y (*, one output size for each map)."""
    sizes = tuple(axis_map.size for axis_map in maps)
    _check("resample_forward", "x", x, sizes)
    implementation = OPERATOR.choose(Case(type(x), x.dtype, x.shape, len(maps)))
    return implementation.resample_forward(x, maps)


def resample_input_grad(gy: np.ndarray, maps: tuple[AxisMap, ...]) -> np.ndarray:
    """gy (*, one output size for each map) -> gx (*, sizes of the maps), the adjoint."""
    sizes = tuple(len(axis_map.lower) for axis_map in maps)
    _check("resample_input_grad", "gy", gy, sizes)
    implementation = OPERATOR.choose(Case(type(gy), gy.dtype, gy.shape, len(maps)))
    return implementation.resample_input_grad(gy, maps)


def _check(name: str, label: str, array: np.ndarray, sizes: tuple[int, ...]) -> None:
    if array.shape[-len(sizes) :] != sizes:
        raise ValueError(f"{name}: {label} of shape {array.shape} must end in {sizes}")
