"""AxisMap: the input elements that each output element along an axis reads."""

from typing import NamedTuple

import numpy as np


class AxisMap(NamedTuple):
    """Output elements along an axis: x[lower] (1 - t) + x[upper] t, or x[lower] if t is None."""

    size: int
    lower: np.ndarray
    upper: np.ndarray | None = None
    t: np.ndarray | None = None
