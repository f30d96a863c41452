"""Dropout of elements, channels and residual branches; all do nothing in evaluation mode."""

from __future__ import annotations

from .. import functional as F
from ..tensor.tensor import Tensor
from .checks import check_probability
from .module import Module


class _DropoutNd(Module):
    """Base of the dropouts: a probability p in [0, 1], and `inplace`, which changes nothing."""

    _shown = ("p", "inplace")

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        check_probability(type(self).__name__, p=p)
        self.p, self.inplace = p, inplace


class Dropout(_DropoutNd):
    """Zero each element with probability p and divide the others by 1 - p."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training)


class Dropout2d(_DropoutNd):
    """Zero each channel, a whole (H, W) map, with probability p and divide the others by 1 - p."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training)


class Dropout1d(_DropoutNd):
    """Dropout2d of signals.    x (N, C, L) or (C, L)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training)


class Dropout3d(_DropoutNd):
    """Dropout2d of volumes.    x (N, C, D, H, W) or (C, D, H, W)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training)


class AlphaDropout(_DropoutNd):
    """Dropout for SELU: dropped elements become SELU's limit; mean 0 and variance 1 are kept."""

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """AlphaDropout of whole channels.    x (N, C, *)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)


class DropPath(Module):
    """Zero each sample with probability p, divide the others by 1 - p (Huang et al. 2016).

    It ends the residual branch of a block: y = x + drop_path(branch(x)).
    """

    _shown = ("p",)

    def __init__(self, p: float = 0.5):
        super().__init__()
        check_probability("DropPath", p=p)
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        return F.drop_path(input, self.p, self.training)
