"""The errors of a network with blocks left out or swapped, as a table for the lecture page.

A. Veit, M. Wilber, S. Belongie (2016), "Residual networks behave like ensembles of relatively
shallow networks", NIPS 2016, arXiv 1605.06431, section 4; see `analysis.lesions`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import combinations
from typing import Any

import numpy as np

from ...nn import Module
from ...tensor import Tensor
from ..lesions import lesion_units, replaced, top1_error, without
from ..watch import checked_batch


def lesion_table(
    model: Module, x: Tensor, labels: np.ndarray, pairs: int = 100, complete: int = 9, seed: int = 0
) -> dict[str, Any]:
    """Count the images that a model misclassifies without some of its blocks, or with two swapped.

    x (N, C, H, W), labels (N,). All sets of blocks are left out of a model of at most `complete`
    blocks; of a deeper one each block alone, and `pairs` random pairs. All pairs of equal shapes
    are swapped.

    -> {"units": names, "residual": whether blocks keep a shortcut, "images": N, "without":
    {number: count}, in which bit k of the number is block k left out and "0" the whole model,
    "swapped": [[i, j, count], ...]}

    Raises: ValueError for other shapes, or a model with nothing to leave out.
    """
    target = checked_batch("lesion_table", x, labels)
    units = lesion_units(model, x[:1], "lesion_table")

    def wrong() -> int:
        return round(top1_error(model, x, target) * len(x))

    counts: dict[str, int] = {}
    for chosen in _chosen(len(units), pairs, complete, seed):
        with without(units[k] for k in chosen):
            counts[str(sum(1 << k for k in chosen))] = wrong()
    kinds = [(type(u.module), u.input_shape, u.output_shape) for u in units]
    swapped = []
    for i, j in combinations(range(len(units)), 2):
        if kinds[i] != kinds[j]:
            continue
        forwards = units[j].module.forward, units[i].module.forward
        with ExitStack() as stack:
            for k, forward in zip((i, j), forwards, strict=True):
                stack.enter_context(replaced(units[k].module, forward))
            swapped.append([i, j, wrong()])
    told = {"units": [u.name for u in units], "residual": units[0].residual, "images": len(x)}
    return {**told, "without": counts, "swapped": swapped}


def _chosen(count: int, pairs: int, complete: int, seed: int) -> Iterator[tuple[int, ...]]:
    """The sets of blocks to leave out, smallest first."""
    if count <= complete:
        for size in range(count + 1):
            yield from combinations(range(count), size)
        return
    yield ()
    yield from ((k,) for k in range(count))
    both = list(combinations(range(count), 2))
    drawn = np.random.default_rng(seed).choice(len(both), min(pairs, len(both)), replace=False)
    yield from (both[k] for k in sorted(drawn))
