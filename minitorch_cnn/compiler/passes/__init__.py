"""Passes: functions from a graph to a graph that computes the same with less work."""

from .drop import drop_identities
from .fold import fold_batch_norm

__all__ = ["drop_identities", "fold_batch_norm"]
