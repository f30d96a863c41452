"""Resampling in NumPy, or in CuPy for its arrays: one axis at a time, all rows at once."""

import numpy as np

from ..segments import add_runs


def resample_forward(x, maps):
    """x (*, sizes of the maps) -> y (*, one output size for each map)."""
    for axis, axis_map in zip(range(-len(maps), 0), maps, strict=True):
        x = _resample(x, axis_map, axis)
    return x


def resample_input_grad(gy, maps):
    """gy (*, one output size for each map) -> gx (*, sizes of the maps)."""
    for axis, axis_map in zip(range(-len(maps), 0), maps, strict=True):
        gy = _resample_adjoint(gy, axis_map, axis)
    return gy


def _resample(x, axis_map, axis):
    y = np.take(x, np.asarray(axis_map.lower, like=x), axis)
    if axis_map.t is None:
        return y
    t = _broadcast(axis_map.t, axis, y)
    y *= 1 - t
    y += np.take(x, np.asarray(axis_map.upper, like=x), axis) * t
    return y


def _resample_adjoint(gy, axis_map, axis):
    shape = (*gy.shape[:axis], axis_map.size, *gy.shape[gy.ndim + axis + 1 :])
    gx = np.zeros(shape, gy.dtype, like=gy)
    if axis_map.t is None:
        add_runs(gx, gy, axis_map.lower, axis)
    else:
        t = _broadcast(axis_map.t, axis, gy)
        add_runs(gx, gy * (1 - t), axis_map.lower, axis)
        add_runs(gx, gy * t, axis_map.upper, axis)
    return gx


def _broadcast(t, axis, y):
    return np.asarray(t.astype(y.dtype), like=y).reshape((-1,) + (1,) * (-axis - 1))
