"""Resampling along the last axes: nearest or linear interpolation, and its adjoint.

Along one axis it is a sparse matrix with one or two entries a row,
y[o] = x[lower[o]] (1 - t[o]) + x[upper[o]] t[o]. Its adjoint adds the same entries up by columns;
as lower and upper never decrease, the rows that meet in a column stand side by side.
"""

from typing import NamedTuple

import numpy as np

from ..cuda.array import anywhere
from ..dispatch import NUMBA, Operator
from ..jit import can_compile


class AxisMap(NamedTuple):
    """Where an output element along an axis reads: x[lower] (1 - t) + x[upper] t, or x[lower]."""

    size: int
    lower: np.ndarray
    upper: np.ndarray | None = None
    t: np.ndarray | None = None


class Case(NamedTuple):
    """What an implementation may choose by: the arrays' type, the shape of the input, how many axes
    change.
    """

    array: type
    dtype: np.dtype
    x: tuple[int, ...]
    axes: int


def _compiles(case: Case) -> bool:
    return can_compile(case) and case.axes <= 2


OPERATOR = Operator("resample", __name__)
OPERATOR.register("loops", ".loops")
OPERATOR.register("numpy", ".vectorised", can=anywhere)
OPERATOR.register("numba", ".compiled", can=_compiles, needs=NUMBA)


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
