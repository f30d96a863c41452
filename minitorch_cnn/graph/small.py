"""The numbers of a small tensor, such as a shape that a graph computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .standin import Standin


def known(x: Tensor) -> np.ndarray | None:
    """The numbers of a tensor on the CPU; while it is captured, if they are known."""
    if isinstance(x.array, Standin):
        found = x.array.recorder.numbers.get(x.array.value.name)
        return None if found is None else np.asarray(found)
    return x.array if type(x.array) is np.ndarray else None


def plain(x: Tensor) -> bool:
    """Whether x is a number that `ints` gives, and no gradient flows to it."""
    if x.numel() != 1 or x.requires_grad:
        return False
    return not isinstance(x.array, Standin) or known(x) is not None


def ints(x: Tensor | None) -> list[Any]:
    """The numbers of a small tensor, such as a shape; while it is captured, if they are known."""
    if x is None:
        return []
    found = known(x)
    return np.atleast_1d(x.detach().cpu().numpy() if found is None else found).tolist()
