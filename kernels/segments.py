"""Sums over runs of equal indices: the adjoint of gathering by non-decreasing indices."""

from __future__ import annotations

from typing import Any

import numpy as np


def add_runs(total: np.ndarray, terms: np.ndarray, index: np.ndarray, axis: int) -> None:
    """total[index[o]] += terms[o] along `axis`, in place, for a non-decreasing index.

    total (.., S, ..), terms (.., O, ..), index (O,) with entries in 0..S-1, axis < 0

    Equal indices are adjacent and form a run. The first terms of all runs are added at once, then
    the second terms, and so on: several times as fast as np.add.at or np.add.reduceat for many
    short runs, as in resampling and in a table of embeddings.
    """
    behind = (slice(None),) * (-axis - 1)
    if type(total) is not np.ndarray:  # on a GPU, atomic additions are fast
        places: Any = (..., np.asarray(index, like=total), *behind)
        np.add.at(total, places, terms)
        return
    present, starts, lengths = np.unique(index, return_index=True, return_counts=True)
    for k in range(lengths.max(initial=0)):
        longer = lengths > k
        total[(..., present[longer], *behind)] += np.take(terms, starts[longer] + k, axis)
