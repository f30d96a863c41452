"""The uniform distribution, and the Beta distribution for mixup."""

from __future__ import annotations

from ..random import default_generator
from ..tensor import broadcast_to, rand, tensor, where
from ..tensor.tensor import Tensor
from .distribution import Distribution, Shape, parameters


class Uniform(Distribution):
    """Density 1 / (high - low) from low to high, which are numbers or Tensors.

    Raises: ValueError for a low that is not below high.
    """

    has_rsample = True

    def __init__(
        self, low: float | Tensor, high: float | Tensor, validate_args: bool | None = None
    ):
        self.low, self.high = parameters(low, high)
        if validate_args is not False and not bool((self.low.array < self.high.array).all()):
            raise ValueError("Uniform: low must be below high")
        super().__init__(self.low.shape)

    @property
    def mean(self) -> Tensor:
        return (self.low + self.high) / 2

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended(sample_shape)
        share = rand(shape, dtype=self.low.dtype, device=self.low.device)
        return broadcast_to(self.low, shape) + share * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        inside = (value >= self.low).logical_and(value < self.high)
        return where(inside, -(self.high - self.low).log(), float("-inf"))

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()


class Beta(Distribution):
    """x^(a - 1) (1 - x)^(b - 1) / B(a, b), a = concentration1, b = concentration0; for sampling
    only.

    Raises: ValueError for a concentration that is not above 0.
    """

    def __init__(
        self,
        concentration1: float | Tensor,
        concentration0: float | Tensor,
        validate_args: bool | None = None,
    ):
        self.concentration1, self.concentration0 = parameters(concentration1, concentration0)
        for name in ("concentration1", "concentration0"):
            if not bool((getattr(self, name).array > 0).all()):
                raise ValueError(f"Beta: {name} must be above 0")
        super().__init__(self.concentration1.shape)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        a, b = (c.detach().cpu().numpy() for c in (self.concentration1, self.concentration0))
        draws = default_generator().beta(a, b, self._extended(sample_shape))
        like = self.concentration1
        return tensor(draws, dtype=like.dtype, device=like.device)
