"""Sums over runs: the adjoint of reading by indices that never decrease."""

from __future__ import annotations

import numpy as np


def add_runs(total: np.ndarray, terms: np.ndarray, index: np.ndarray, axis: int) -> None:
    """total[index[o]] += terms[o] along `axis` in place, for an index that never decreases.

    total (.., S, ..), terms (.., O, ..), index (O,) with entries in 0..S-1, axis < 0

    Equal indices stand side by side. The first terms of all runs are added at once, then the second
    ones, and so on: several times as fast as np.add.at or np.add.reduceat where runs are many and
    short, as in resampling and in a table of embeddings.
    """
    behind = (slice(None),) * (-axis - 1)
    if type(total) is not np.ndarray:  # on a GPU additions at one place are atomic, and quick
        np.add.at(total, (..., np.asarray(index, like=total), *behind), terms)
        return
    present, starts, lengths = np.unique(index, return_index=True, return_counts=True)
    for k in range(lengths.max(initial=0)):
        longer = lengths > k
        total[(..., present[longer], *behind)] += np.take(terms, starts[longer] + k, axis)
