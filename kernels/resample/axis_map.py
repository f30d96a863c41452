"""AxisMap: which elements of the input each output element along an axis reads."""

from typing import NamedTuple

import numpy as np


class AxisMap(NamedTuple):
    """Where an output element along an axis reads: x[lower] (1 - t) + x[upper] t, or x[lower]."""

    size: int
    lower: np.ndarray
    upper: np.ndarray | None = None
    t: np.ndarray | None = None
