"""The numbers of a small tensor, such as a shape that a graph computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor


def ints(x: Tensor | None) -> list[Any]:
    """The numbers of a small tensor, such as a shape."""
    return [] if x is None else np.atleast_1d(x.detach().cpu().numpy()).tolist()
