"""Passes: functions from a graph to a graph that computes the same with less work."""

from .affine import fold_affine
from .constants import fold_constants
from .dense import dense_as_convolutions
from .drop import drop_identities
from .fold import fold_batch_norm

__all__ = [
    "dense_as_convolutions",
    "drop_identities",
    "fold_affine",
    "fold_batch_norm",
    "fold_constants",
]
