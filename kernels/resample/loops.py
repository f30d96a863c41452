"""The definition of resampling: one element at a time, never optimised.

Every other implementation is compared with this one.
"""

from itertools import product

import numpy as np


def resample_forward(x, maps):
    """x (*, sizes of the maps) -> y (*, one output size for each map)."""
    outputs = [len(axis_map.lower) for axis_map in maps]
    y = np.zeros((*x.shape[: -len(maps)], *outputs), x.dtype)
    for at in np.ndindex(*outputs):
        for source, weight in entries(maps, at):
            y[(..., *at)] += (x[(..., *source)] * weight).astype(x.dtype)
    return y


def resample_input_grad(gy, maps):
    """gy (*, one output size for each map) -> gx (*, sizes of the maps)."""
    gx = np.zeros((*gy.shape[: -len(maps)], *(axis_map.size for axis_map in maps)), gy.dtype)
    for at in np.ndindex(*gy.shape[-len(maps) :]):
        for source, weight in entries(maps, at):
            gx[(..., *source)] += (gy[(..., *at)] * weight).astype(gy.dtype)
    return gx


def entries(maps, at):
    """The input positions that the output element `at` reads, and their weights."""
    along = []
    for axis_map, o in zip(maps, at, strict=True):
        t = 0 if axis_map.t is None else axis_map.t[o]
        along.append([(axis_map.lower[o], 1 - t)])
        if axis_map.t is not None:
            along[-1].append((axis_map.upper[o], t))
    for choice in product(*along):
        pixels, weights = zip(*choice, strict=True)
        yield pixels, np.prod(weights)
