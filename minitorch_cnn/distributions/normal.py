"""The normal distribution."""

from __future__ import annotations

import math

from ..tensor import broadcast_to, erf, erfinv, randn
from ..tensor.tensor import Tensor
from .distribution import Distribution, Shape, parameters


class Normal(Distribution):
    """exp(-(x - loc)^2 / (2 scale^2)) / (scale sqrt(2 pi)); loc, scale: numbers or Tensors.

    Raises: ValueError for a scale that is not above 0.
    """

    has_rsample = True

    def __init__(
        self, loc: float | Tensor, scale: float | Tensor, validate_args: bool | None = None
    ):
        self.loc, self.scale = parameters(loc, scale)
        if validate_args is not False and not bool((self.scale.array > 0).all()):
            raise ValueError("Normal: scale must be above 0")
        super().__init__(self.loc.shape)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.scale**2

    @property
    def stddev(self) -> Tensor:
        return self.scale

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended(sample_shape)
        noise = randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        return broadcast_to(self.loc, shape) + noise * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        z = (value - self.loc) / self.scale
        return -(z * z) / 2 - self.scale.log() - math.log(2 * math.pi) / 2

    def entropy(self) -> Tensor:
        return 0.5 + math.log(2 * math.pi) / 2 + self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        """The probability that a draw is at most `value`."""
        return 0.5 * (1 + erf((value - self.loc) / (self.scale * math.sqrt(2))))

    def icdf(self, value: Tensor) -> Tensor:
        """The quantile: the inverse of cdf."""
        return self.loc + self.scale * erfinv(2 * value - 1) * math.sqrt(2)
